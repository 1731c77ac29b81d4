; BRANCHES convolutions of the same input side by side, then DEPTH more of 3x3 (none if absent), then one that joins them.
{% block BRANCHES %}
[{{SECTION_NAME}}.branch{{#}}]
Input={{INPUT}}
Type=Conv
KernelSize={{.KERNEL}}
{% if .PADDING exists %}
Padding={{.PADDING}}
{% endif %}
NbOutputs={{WIDTH}}
{% if # == 0 %}
{% set ALL %}{{SECTION_NAME}}.branch0{% endset %}
{% else %}
{% set ALL %}{{ALL}},{{SECTION_NAME}}.branch{{#}}{% endset %}
{% endif %}
{% endblock %}

{% if DEPTH exists %}
{% for d in range(DEPTH) %}
{% include deeper.ini.tpl %}
{% endfor %}
{% endif %}

[{{SECTION_NAME}}.join]
Input={{ALL}}
Type=Conv
KernelSize=1
NbOutputs=[{{SECTION_NAME}}.branch0]NbOutputs
