/**
 * SASLprep [RFC 4013]: the one form of a user name or password that can be typed in several. Code points that
 * Unicode has assigned since its version 3.2 are allowed, as in the queries of RFC 3454, section 7. Pure.
 */

/** Table B.1: mapped to nothing. */
const dropped = /[\u034f\u180b-\u180d\ufe00-\ufe0f\xad\u1806\u200b-\u200d\u2060\ufeff]/gu;

/** Table C.1.2: mapped to a space. B.1 has U+200B, too, and RFC 4013, section 2.1, maps spaces first. */
const spaces = /[\xa0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

/** Tables C.2.1 to C.9, but for what is mapped: controls, private use, no characters, half pairs, tags. */
const prohibited =
  /[\u0340\u0341\0-\x1f\x7f-\x9f\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]/u;

/** Table D.1: written from right to left. */
const rightToLeft =
  /[\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06dd\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\u200f\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc]/u;

/** Table D.2, written from left to right, but for its symbols and digits. */
const letter = /[\p{L}\p{Mc}\p{Nl}]/u;

/**
 * The prepared form; printable ASCII is its own.
 * @throws Error for a character that SASLprep prohibits, or writing directions that it does not allow together
 */
export function saslprep(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  const prepared = text.replace(spaces, ' ').replace(dropped, '').normalize('NFKC');
  if (prohibited.test(prepared)) throw new Error('SASLprep prohibits one of its characters');
  const characters = [...prepared];
  const isRight = (character = '') => rightToLeft.test(character);
  if (!characters.some(isRight)) return prepared;
  // [RFC 3454, 6]
  const isMixed = characters.some((character) => letter.test(character) && !isRight(character));
  if (isMixed || !isRight(characters[0]) || !isRight(characters.at(-1)))
    throw new Error('SASLprep does not allow its writing directions together');
  return prepared;
}
