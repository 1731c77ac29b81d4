[{{SECTION_NAME}}.conv]
Input=sp
Type=Conv
KernelSize={{KERNEL}}
{% if WIDTH not_exists %}
NbOutput=4
{% else %}
NbOutputs={{WIDTH}}
{% endif %}
Stride=[${PARENT_SECTION_NAME}.conv]KernelSiz
