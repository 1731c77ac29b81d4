; A block: a branch of CONVS convolutions beside a short cut. Two are 3x3; three are 1x1, 3x3 and 1x1 with four times the maps. STRIDE is the step
; of the first 3x3 one; where there is one, the short cut is a convolution of 1x1. WIDTH maps.

{% if STRIDE not_exists %}
{% set STEP %}1{% endset %}
{% set SHORT %}{{INPUT}}{% endset %}
{% else %}
{% set STEP %}{{STRIDE}}{% endset %}
{% set SHORT %}{{SECTION_NAME}}.short{% endset %}
{% endif %}
{% if CONVS == 3 %}
{% set LAST %}$({{WIDTH}} * 4){% endset %}
{% set SECOND %}{{SECTION_NAME}}.conv1{% endset %}

[{{SECTION_NAME}}.conv1]
Input={{INPUT}}
Type=Conv
KernelSize=1
NbOutputs={{WIDTH}}
ActivationFunction=Rectifier
WeightsFiller=HeFiller
WeightsFiller.Scaling=$(${L}**(-1/(2*{{CONVS}} - 2)) if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config
{% else %}
{% set LAST %}{{WIDTH}}{% endset %}
{% set SECOND %}{{INPUT}}{% endset %}
{% endif %}

[{{SECTION_NAME}}.conv2]
Input={{SECOND}}
Type=Conv
KernelSize=3
Padding=1
Stride={{STEP}}
NbOutputs={{WIDTH}}
ActivationFunction=Rectifier
WeightsFiller=HeFiller
WeightsFiller.Scaling=$(${L}**(-1/(2*{{CONVS}} - 2)) if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config

[{{SECTION_NAME}}.conv3]
Input={{SECTION_NAME}}.conv2
Type=Conv
{% if CONVS == 3 %}
KernelSize=1
{% else %}
KernelSize=3
Padding=1
{% endif %}
NbOutputs={{LAST}}
ActivationFunction=Linear
WeightsFiller=HeFiller
WeightsFiller.Scaling=$(0.0 if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config

{% if STRIDE exists %}
[{{SECTION_NAME}}.short]
Input={{INPUT}}
Type=Conv
KernelSize=1
Stride={{STRIDE}}
NbOutputs={{LAST}}
ActivationFunction=Linear
WeightsFiller=HeFiller
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config
{% endif %}

[{{SECTION_NAME}}.sum]
Input={{SECTION_NAME}}.conv3,{{SHORT}}
Type=ElemWise
Operation=Sum
NbOutputs={{LAST}}
ActivationFunction=Rectifier
