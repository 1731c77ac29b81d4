; INPUT names the input, WIDTH is the number of maps of the result, EXPANSION (that of the model if absent) maps a map of the input between,
; STRIDE (1 if absent) the step, RESIDUAL (none if absent) what is added.

{% if EXPANSION not_exists %}
{% set EXPANSION %}${EXPANSION}{% endset %}
{% endif %}
{% if STRIDE not_exists %}
{% set STRIDE %}1{% endset %}
{% endif %}
{% if EXPANSION == 1 %}
{% set WIDE %}{{INPUT}}{% endset %}
{% else %}
{% set WIDE %}{{SECTION_NAME}}.expand{% endset %}
[{{SECTION_NAME}}.expand]
Input={{INPUT}}
Type=Conv
KernelSize=1
NbOutputs=$([{{INPUT}}]_NbOutputs * {{EXPANSION}})
ActivationFunction=Rectifier
ActivationFunction.Clipping=6.0
WeightsFiller=HeFiller
ConfigSection=common.config
{% endif %}

[{{SECTION_NAME}}.dw]
Input={{WIDE}}
Type=Conv
KernelSize=3
Stride={{STRIDE}}
Padding=1
NbOutputs=[{{WIDE}}]_NbOutputs
Mapping.NbGroups=[{{WIDE}}]_NbOutputs
ActivationFunction=Rectifier
ActivationFunction.Clipping=6.0
WeightsFiller=HeFiller
ConfigSection=common.config

[{{SECTION_NAME}}.project]
Input={{SECTION_NAME}}.dw
Type=Conv
KernelSize=1
NbOutputs={{WIDTH}}
ActivationFunction=Linear
WeightsFiller=HeFiller
ConfigSection=common.config

{% if RESIDUAL exists %}
[{{SECTION_NAME}}.sum]
Input={{SECTION_NAME}}.project,{{RESIDUAL}}
Type=ElemWise
Operation=Sum
NbOutputs={{WIDTH}}
{% endif %}
