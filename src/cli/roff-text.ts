/**
 * The requests of roff.ts to text, for a terminal without man and mandoc, and for `tmq help TOPIC`. Knows only what
 * the pages of tmq are made of.
 */

/** How wide the text is, and how bold and italic words look. */
export interface TextStyle {
  readonly heading: (text: string) => string;
  readonly name: (text: string) => string;
  readonly width: number;
}

/** Columns before headings of sections, of subsections, the body, the description of a term, and examples. */
const indents = {section: 0, subsection: 2, body: 4, described: 10, example: 8} as const;

/** The characters that the escapes of roff.ts stand for. */
export const characters: Readonly<Record<string, string>> = {
  '\\e': '\\',
  '\\-': '-',
  '\\(aq': "'",
  '\\(ga': '`',
  '\\(ha': '^',
  '\\(ti': '~',
  '\\(if': '∞',
  '\\&': '',
  '\\|': '',
  '\\:': '',
  '\\ ': ' ',
};

/** Fonts become the control characters 1, 2 and 3: they take no column. */
const escapes: Readonly<Record<string, string>> = {
  ...characters,
  '\\fB': '\u0001',
  '\\fI': '\u0002',
  '\\fR': '\u0003',
};

function unescaped(text: string): string {
  return text.replace(/\\(?:\([a-z]{2}|f[BIR]|.)/g, (sequence) => escapes[sequence] ?? sequence);
}

const fonts = /[\u0001-\u0003]/g;

class Page {
  readonly #style: TextStyle;
  readonly #lines: string[] = [];
  #indent: number = indents.body;
  #words: string[] = [];
  /** A short term, whose description begins on its line. */
  #term = '';
  /** The font at the end of the last line. */
  #font = '\u0003';

  constructor(style: TextStyle) {
    this.#style = style;
  }

  /** Adds words to the paragraph. */
  flow(text: string): void {
    this.#words.push(...unescaped(text).split(' '));
  }

  /** Ends the paragraph; what follows is indented so far. */
  end(indent = this.#indent): void {
    const columns = this.#style.width - this.#indent;
    let line = '';
    for (const word of this.#words) {
      const joined = line === '' ? word : `${line} ${word}`;
      if (line !== '' && joined.replace(fonts, '').length > columns) {
        this.literal(line);
        line = word;
      } else line = joined;
    }
    if (line !== '') this.literal(line);
    this.#words = [];
    this.#indent = indent;
  }

  /** A term: its description follows on the same line if there is room before it. */
  term(text: string): void {
    const term = unescaped(text);
    const length = term.replace(fonts, '').length;
    this.#indent = indents.body;
    if (indents.body + length + 2 > indents.described) this.literal(term);
    else this.#term = `${' '.repeat(indents.body)}${term}`.padEnd(indents.described + term.length - length);
    this.#indent = indents.described;
  }

  /** A line that is not folded. */
  literal(line: string): void {
    const lead = this.#term === '' ? ' '.repeat(this.#indent) : this.#term;
    this.#lines.push(this.#painted(`${lead}${line}`));
    this.#term = '';
  }

  heading(text: string, indent: number): void {
    this.end(indent);
    this.blank();
    this.#lines.push(`${' '.repeat(indent)}${this.#style.heading(unescaped(text))}`);
    this.#indent = indents.body;
  }

  blank(): void {
    if (this.#lines.length > 0 && this.#lines.at(-1) !== '') this.#lines.push('');
  }

  toString(): string {
    return `${this.#lines.map((line) => line.trimEnd()).join('\n')}\n`;
  }

  #painted(line: string): string {
    let painted = '';
    for (const [, font = '', text = ''] of line.matchAll(/([\u0001-\u0003]?)([^\u0001-\u0003]*)/g)) {
      if (font !== '') this.#font = font;
      painted += this.#font === '\u0001' && text !== '' ? this.#style.name(text) : text;
    }
    return painted;
  }
}

/** '.BR tmq\-pub (1) ,': the first word is bold, the others follow without blanks. */
function boldThenRoman(words: string): string {
  const [name = '', ...rest] = words.split(' ');
  return `\\fB${name}\\fR${rest.join('')}`;
}

/** The text of a page. */
export function roffText(source: string, style: TextStyle): string {
  const page = new Page(style);
  let isLiteral = false;
  let isTerm = false;
  for (const line of source.trimEnd().split('\n')) {
    const [request = '', rest = ''] = /^\.(\S+) ?(.*)$/.exec(line)?.slice(1) ?? [];
    if (request === '' || request === 'BR') {
      const text = request === '' ? line : boldThenRoman(rest);
      if (isLiteral) page.literal(unescaped(text));
      else if (isTerm) page.term(text);
      else page.flow(text);
      isTerm = false;
    } else if (request === 'EX') {
      page.end(indents.example);
      page.blank();
      isLiteral = true;
    } else if (request === 'EE') isLiteral = false;
    else if (request === 'SH') page.heading(rest, indents.section);
    else if (request === 'SS') page.heading(rest, indents.subsection);
    else if (request === 'br') page.end();
    else if (request === 'PP' || request === 'TP' || request === 'RE') {
      page.end(indents.body);
      if (request !== 'RE') page.blank();
      isTerm = request === 'TP';
    }
  }
  page.end();
  return page.toString();
}
