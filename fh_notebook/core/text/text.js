// How texts are laid out, for the scripts of widgets and of a report. Rule of this file: it touches no page, so that it can
// be put before any script.

// The direction of a text by most of its letters, as `html.direction` of the kernel: dir="auto" takes the first one, so
// that a name at the start turns a whole sentence.
const LEFTWARDS = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/gu;
const lettersOf = (text, which) => text.match(which)?.length ?? 0;
const directionOf = text => 2 * lettersOf(text, LEFTWARDS) > lettersOf(text, /\p{L}/gu) ? "rtl" : "ltr";

// The parts of a text, each other one a date or an id that stays in one line, as `html.ids_unbroken` of the kernel: a
// browser breaks behind each hyphen. A long id may break.
const ID_MOST = 24;
const partsOf = text => text.split(/(?<![\p{L}\p{N}_-])((?=[A-Za-z-]*\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+)(?![\p{L}\p{N}_-])/u);
const unbroken = (text, shown) => partsOf(text).map((part, n) => n % 2 && part.length <= ID_MOST ? shown(part) : part);
