/** Text with nothing in it that changes how the rest is shown: signs stand for control characters. */

/** Characters that are not seen, or turn the direction of writing. */
const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]/g;

/** In nearly every font. */
const signs: Readonly<Record<string, string>> = {'\n': '\u21b5', '\t': '\u21e5'};

/** '\x1b' and '\u202e', as in program texts. */
function signOf(character: string): string {
  const code = character.charCodeAt(0);
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
}

/** The text in one line. */
export function visibleLine(text: string): string {
  return text.replace(unseen, (character) => signs[character] ?? signOf(character));
}

/** The text with its lines and tabs. */
export function visibleLines(text: string): string {
  return text.replace(unseen, (character) => (character in signs ? character : signOf(character)));
}
