/**
 * Text by the cells of a terminal that it takes: none for combining marks, two for wide characters. The expressions
 * stand in functions: to make them takes 1 % of a one-shot, which counts no cells.
 */

/** Marks that join the character before them, and characters that are not shown. */
const isJoined = (character: string) => /[\p{Mark}\p{Format}\u1160-\u11ff]/u.test(character);

/** East Asian characters of width W and F, and emoji; not the letters of flags, of which two make one [UAX #11]. */
const isWide = (character: string) =>
  /(?![\u{1f1e6}-\u{1f1ff}])[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u.test(
    character,
  );

function cellsOf(character: string): number {
  if (character < '\u0300' || !isJoined(character)) return character >= '\u1100' && isWide(character) ? 2 : 1;
  return 0;
}

/** How many cells a text takes that has no control characters. */
export function cellCount(text: string): number {
  let cells = 0;
  for (const character of text) cells += cellsOf(character);
  return cells;
}

/** The longest beginning of a text that takes at most this many cells, with the marks of its last character. */
export function firstCells(text: string, most: number): string {
  let cells = 0;
  let end = 0;
  for (const character of text) {
    cells += cellsOf(character);
    if (cells > most) break;
    end += character.length;
  }
  return text.slice(0, end);
}
