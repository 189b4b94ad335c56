from sonant.reports.markup import Html, table, tag

EVIL = "<script>alert('x')</script>"


def test_text_and_attributes_are_escaped_and_markup_is_not():
    assert tag("p", EVIL) == "<p>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;</p>"
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert tag("a", title='" onclick="f()') == '<a title="&quot; onclick=&quot;f()"></a>'


def test_joining_markup_with_text_loses_the_trust():
    assert not isinstance(Html("<b>") + EVIL, Html)


def test_attributes_are_spelled_as_html_wants_them():
    assert tag("i", class_="a", aria_label="b", hidden=True, title=None) == '<i class="a" aria-label="b" hidden></i>'


def test_columns_of_numbers_are_flush_right_and_others_are_not():
    found = table(("name", "n"), [("a", "1.5 %"), ("3b", "")])
    assert found.count('<td class="number">') == 2
    assert "<td>3b</td>" in found
