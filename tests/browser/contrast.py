"""Contrast of texts: their colour against what lies beneath them, as Chromium has computed both.

Rule of this file: nothing is taken from a style sheet. Colours with alpha, and opacity, are laid over what is under them,
down to the page. What can be read is WCAG's measure (https://www.w3.org/TR/WCAG22/#contrast-minimum): 4.5 for a text, but
for controls that are disabled, which need none.
"""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Locator

__all__ = ["LEAST", "faint", "grounds"]

LEAST: Final = 4.5

_FAINT: Final = """(root, least) => {
    const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const read = colour => {  // any notation, by the browser itself
        pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((part, n) => part * a + under[n] * (1 - a));
    const chain = element => element ? [...chain(element.parentElement), element] : [];
    const looked = element => {  // what is under the text, and how much of the text is left
        let ground = [255, 255, 255], left = 1;
        for (const one of chain(element)) {
            const style = getComputedStyle(one), [r, g, b, a] = read(style.backgroundColor);
            left *= Number(style.opacity);
            ground = over([r, g, b, a * left], ground);
        }
        return [ground, left];
    };
    const light = colour => {
        const [r, g, b] = colour.map(part => part / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, two) => {
        const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const found = [];
    let texts = 0;
    const judge = (element, style, said) => {
        const [ground, left] = looked(element), [r, g, b, a] = read(style.color);
        texts += 1;
        const seen = ratio(over([r, g, b, a * left], ground), ground);
        if (seen < least) found.push(`${seen.toFixed(2)}: ${element.tagName} ${element.className}: ${said.trim().slice(0, 40)}`);
    };
    for (const element of [root, ...root.querySelectorAll('*')]) {
        if (element.closest(':disabled, style, option') || !element.checkVisibility({visibilityProperty: true})) continue;
        const said = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join('');
        if (said.trim()) judge(element, getComputedStyle(element), said);
        if (element.matches('input:not([type=radio], [type=checkbox]), select, textarea')) judge(element, getComputedStyle(element), element.value || 'a control');
        for (const part of ['::before', '::after']) {
            const style = getComputedStyle(element, part);
            if (!['none', 'normal', '""'].includes(style.content) && style.display !== 'none') judge(element, style, style.content);
        }
        if (element.matches('[placeholder]')) judge(element, getComputedStyle(element, '::placeholder'), element.placeholder);
    }
    return [texts, [...new Set(found)]];
}"""

_GROUND: Final = "() => getComputedStyle(document.body).backgroundColor"


def faint(shown: Locator, least: float = LEAST) -> list[str]:
    """Return the texts of an element that have too little contrast, each with its ratio.

    Raises
    ------
    AssertionError
        There is no text that it could have looked at.
    """
    texts, found = shown.evaluate(_FAINT, least)
    assert texts, "there is no text to be looked at"
    return list(found)


def grounds(shown: Locator) -> str:
    """Return the colour of the page that an element is on, so that a test knows in which theme it looked."""
    return str(shown.page.evaluate(_GROUND))
