; CONVS convolutions of WIDTH maps on INPUT, then a pool.
{% set BEFORE %}{{INPUT}}{% endset %}
{% for i in range(CONVS) %}
[{{SECTION_NAME}}.conv{{i}}]
Input={{BEFORE}}
Type=Conv
KernelSize=3
Padding=1
NbOutputs={{WIDTH}}
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection=common.config
{% set BEFORE %}{{SECTION_NAME}}.conv{{i}}{% endset %}
{% endfor %}

[{{SECTION_NAME}}.pool]
Input={{BEFORE}}
Type=Pool
Pooling=Max
PoolSize=2
Stride=2
NbOutputs={{WIDTH}}
Mapping.Size=1
