/** The few requests of man(7) that the manual pages are made of, and the escaping of text for them. */

/** Text as it stands, in the body of a page: no character of it is a command. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('…', '\\&.\\|.\\|.')
    .replaceAll('∞', '\\(if')
    .replace(/^\./gm, '\\&.');
}

/** Bold for what is typed as it is, italic for what it stands for. */
export function bold(text: string): string {
  return `\\fB${escaped(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${escaped(text)}\\fR`;
}

/** A form of a command line: '<topic>' is italic, options are bold, brackets and dots are neither. */
export function form(text: string): string {
  return text
    .split(/(<[^>]+>|[[\](){}|…]+)/)
    .map((piece) => {
      if (piece.startsWith('<')) return italic(piece.slice(1, -1));
      if (/^[[\](){}|…]/.test(piece)) return escaped(piece);
      return piece.replace(/\S+(?: \S+)*/g, (words) => bold(words));
    })
    .join('');
}

export function section(title: string, body: readonly string[]): readonly string[] {
  return body.length === 0 ? [] : [`.SH ${title.toUpperCase()}`, ...body];
}

export function subsection(title: string, body: readonly string[]): readonly string[] {
  return body.length === 0 ? [] : [`.SS ${title}`, ...body];
}

/** Paragraphs with `.PP` between them: after a heading none is wanted. */
export function paragraphs(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text, index) => (index === 0 ? [line(text)] : ['.PP', line(text)]));
}

/** A term with its description below; `term` is roff already. */
export function tagged(term: string, text: string): readonly string[] {
  return ['.TP', term, line(text)];
}

/** Lines shown as they are, indented. */
export function literal(lines: readonly string[]): readonly string[] {
  return ['.RS 4', '.EX', ...lines.map(escaped), '.EE', '.RE'];
}

/** The longest line of a page's source. */
const width = 78;
/** A longer word may be broken at its brackets and commas: it would reach beyond a narrow page. */
const longestWord = 40;

/** A sentence a line, so that a formatter sees where sentences end; long ones on several. */
export function line(text: string): string {
  const sentences = escaped(text)
    .replace(/([.:?!]) (?=[A-Z<"(\\])/g, '$1\n')
    .split('\n');
  return sentences.flatMap(folded).join('\n');
}

function folded(sentence: string): readonly string[] {
  const lines: string[] = [];
  for (const each of sentence.split(' ')) {
    const last = lines.at(-1);
    const word = each.length > longestWord ? each.replace(/(?<=.)(?=[[{])|(?<=,)(?=.)/g, '\\:') : each;
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    // A dot that a fold brings to the front is still no request.
    else lines.push(word.startsWith('.') ? `\\&${word}` : word);
  }
  return lines;
}
