[{{SECTION_NAME}}.deeper{{d}}]
Input={{ALL}}
Type=Conv
KernelSize=3
Padding=1
NbOutputs={{WIDTH}}
{% set ALL %}{{SECTION_NAME}}.deeper{{d}}{% endset %}
