; A block: a branch of two convolutions of 3x3 beside a short cut, summed. INPUT names its input, WIDTH is the number of maps, STRIDE
; (1 if absent) the step of its first convolution. With a stride the short cut is a convolution of 1x1, else the input itself.

[{{SECTION_NAME}}.conv1]
Input={{INPUT}}
Type=Conv
KernelSize=3
Padding=1
{% if STRIDE exists %}
Stride={{STRIDE}}
{% endif %}
NbOutputs={{WIDTH}}
ActivationFunction=Rectifier
WeightsFiller=HeFiller
WeightsFiller.Scaling=$(${L}**(-1/(2*2 - 2)) if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config

[{{SECTION_NAME}}.conv2]
Input={{SECTION_NAME}}.conv1
Type=Conv
KernelSize=3
Padding=1
NbOutputs={{WIDTH}}
ActivationFunction=Linear
WeightsFiller=HeFiller
WeightsFiller.Scaling=$(0.0 if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config

{% if STRIDE exists %}
{% set SHORT %}{{SECTION_NAME}}.short{% endset %}
[{{SECTION_NAME}}.short]
Input={{INPUT}}
Type=Conv
KernelSize=1
Stride={{STRIDE}}
NbOutputs={{WIDTH}}
ActivationFunction=Linear
WeightsFiller=HeFiller
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config
{% else %}
{% set SHORT %}{{INPUT}}{% endset %}
{% endif %}

[{{SECTION_NAME}}.sum]
Input={{SECTION_NAME}}.conv2,{{SHORT}}
Type=ElemWise
Operation=Sum
NbOutputs={{WIDTH}}
ActivationFunction=Rectifier
