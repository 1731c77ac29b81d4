//! Text that becomes HTML or SVG. Whatever comes from a file or a name goes through [`escaped`] or [`script_json`].

use anyhow::Result;
use serde::Serialize;

/// Text as it may stand between tags and in quoted attributes, of HTML and of XML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Not allowed in XML in any form.
            c if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON that may stand in a script element: nothing in it ends the element or begins a comment.
///
/// # Errors
/// None that input could cause.
pub fn script_json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029"))
}

/// A table whose first column is to the left and a head for each row; the cells are text.
pub fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table class=\"numbers\"><caption>{0}</caption><thead><tr>",
        escaped(caption)
    );
    for name in head {
        html += &format!("<th scope=\"col\">{}</th>", escaped(name));
    }
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            html += &match column {
                0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
                _ => format!("<td>{}</td>", escaped(cell)),
            };
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

/// What colors mean.
pub fn legend<'a>(colors: impl IntoIterator<Item = ([u8; 3], &'a str)>) -> String {
    let item = |([r, g, b], text): ([u8; 3], &str)| {
        format!("<li><b style=\"background:rgb({r},{g},{b})\"></b>{}</li>", escaped(text))
    };
    let items: String = colors.into_iter().map(item).collect();
    format!("<ul class=\"legend\">{items}</ul>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_a_tag_or_ends_an_attribute() {
        assert_eq!(escaped("<script>\"'&\u{1}"), "&lt;script&gt;&quot;&#39;&amp;\u{fffd}");
        let json = script_json(&["</script><!--&"]).unwrap();
        assert!(!json.contains('<') && !json.contains('&'), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), ["</script><!--&"]);
    }
}
