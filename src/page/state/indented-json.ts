/** JSON with a line for each member. Numbers, escapes and the order of names stay as they came. */

/** A string, or what stands between strings: brackets, commas, colons, and other words. */
const tokens = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/g;

/** @throws SyntaxError for a text that is no JSON */
export function indentedJson(text: string): string {
  JSON.parse(text);
  const words = text.match(tokens) ?? [];
  let depth = 0;
  let result = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [index, word] of words.entries()) {
    const isEmpty = /^[\]}]$/.test(words[index + 1] ?? '');
    if (word === '{' || word === '[') {
      depth++;
      result += isEmpty ? word : word + line();
    } else if (word === '}' || word === ']') {
      depth--;
      const wasEmpty = /^[[{]$/.test(words[index - 1] ?? '');
      result += wasEmpty ? word : line() + word;
    } else if (word === ',') result += word + line();
    else result += word === ':' ? ': ' : word;
  }
  return result;
}
