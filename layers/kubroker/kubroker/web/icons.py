"""Small drawings, inline: the policy of the pages lets no other image in than the broker's logo.

They repeat what the words beside them say, so screen readers pass over them.
"""

from markupsafe import Markup

_SHAPES = {
    "eye": '<path d="M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Z"/>'
    '<circle cx="12" cy="12" r="2.8"/>',
    "swap": '<path d="M4 8h14m0 0-4-4m4 4-4 4M20 16H6m0 0 4 4m-4-4 4-4"/>',
    "layers": '<path d="m12 3 9 5-9 5-9-5 9-5Z"/><path d="m3.5 12.5 8.5 4.7 8.5-4.7"/>'
    '<path d="m3.5 16.5 8.5 4.7 8.5-4.7"/>',
    "chart": '<path d="M4 4v16h16"/><path d="m7.5 14.5 4-4.5 3 3L20 7"/>',
    "sprout": '<path d="M12 21v-9"/><path d="M12 12c0-4 2.6-6.5 8-6.5 0 4.6-2.6 7-8 6.5Z"/>'
    '<path d="M12 15c0-3-2-5-7-5 0 3.8 2.3 5.6 7 5Z"/>',
    "move": '<rect x="3" y="4" width="7" height="7" rx="1.5"/>'
    '<rect x="14" y="13" width="7" height="7" rx="1.5"/>'
    '<path d="M13 7.5h4.5V10M11 16.5H6.5V14"/>',
    "circle": '<circle cx="12" cy="12" r="8.5"/><circle cx="12" cy="12" r="3.5"/>',
    "out": '<path d="M9 4H5.5A1.5 1.5 0 0 0 4 5.5v13A1.5 1.5 0 0 0 5.5 20H9"/>'
    '<path d="M10 12h10.5m0 0L16 7.5m4.5 4.5L16 16.5"/>',
    "check": '<path d="m5 12.5 4.8 5L19 7"/>',
    "cross": '<path d="m6.5 6.5 11 11m0-11-11 11"/>',
    "shield": '<path d="M12 3 4.5 6v5.5c0 4.6 3.1 7.9 7.5 9.5 4.4-1.6 7.5-4.9 7.5-9.5V6L12 3Z"/>'
    '<path d="m8.7 12 2.3 2.4 4.3-4.8"/>',
    "alert": '<path d="M12 3.5 2.5 20h19L12 3.5Z"/><path d="M12 10v4.6m0 2.6v.1"/>',
    "info": '<circle cx="12" cy="12" r="8.8"/><path d="M12 11v5.5m0-8.9v.1"/>',
    "clock": '<circle cx="12" cy="12" r="8.8"/><path d="M12 7v5.2l3.4 2"/>',
}


def icon(name: str) -> Markup:
    """The drawing of that name, in the colour of the text around it."""
    return Markup(  # noqa: S704 - constants of this module
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f"{_SHAPES[name]}</svg>"
    )
