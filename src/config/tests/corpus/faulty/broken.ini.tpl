[{{SECTION_NAME}}.conv]
Input={{INPUT}}
Type=Conv
KernelSize={{KERNEL}}
{% for i in range(WIDTH) %}
{% endfor %}
