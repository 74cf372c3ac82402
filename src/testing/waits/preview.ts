/** Topics, names and payloads as parts of an error's message: one line, and not too long. */

/** Characters. */
const most = 100;

/** A name without control characters, and not too long. */
export function shown(text: string): string {
  const line = text.replace(/[\0-\x1f\x7f-\x9f]/g, '\uFFFD');
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

/** The beginning of a payload as text. */
export function preview(payload: Buffer): string {
  return payload.length === 0 ? 'an empty payload' : shown(payload.toString('utf8', 0, 4 * most));
}

/** The first 20 names: 'a, b and 3 more'. */
export function listed(names: readonly string[], things = ''): string {
  const shownNames = names.slice(0, 20).map(shown).join(', ');
  return names.length > 20 ? `${shownNames} and ${names.length - 20} more${things}` : shownNames;
}
