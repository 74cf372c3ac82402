/** Manual pages as Markdown, for the web: the requests of src/cli/roff.ts, and no others. Pure. */

import {characters} from '../../src/cli/roff-text.ts';

/** @type {Readonly<Record<string, string>>} */
const fonts = {'\\fB': '**', '\\fI': '*', '\\fR': ''};

/** What an escape of roff.ts stands for, without fonts. @param {string} text */
const plain = (text) =>
  text.replace(/\\(?:\([a-z]{2}|f[BIR]|.)/g, (sequence) =>
    sequence.startsWith('\\f') ? '' : (characters[sequence] ?? sequence),
  );

/** Characters that Markdown would take for its own. @param {string} text */
const escapedMarkdown = (text) => text.replace(/[\\`*_{}[\]<>#|~$&]/g, '\\$&');

/** Text with its fonts; bold and italic begin and end at characters that are no blanks. No line begins a list. @param {string} text */
function inline(text) {
  let end = '';
  return text
    .split(/(\\f[BIR])/)
    .map((piece) => {
      if (/^\\f[BIR]$/.test(piece)) {
        end = fonts[piece] ?? '';
        return '';
      }
      const [, before = '', words = '', after = ''] = /^(\s*)(.*?)(\s*)$/s.exec(plain(piece)) ?? [];
      return words === '' ? before + after : `${before}${end}${escapedMarkdown(words)}${end}${after}`;
    })
    .join('')
    .replace(/^(?=[-+] )/, '\\');
}

/** 'OUTPUT FORMATS' as 'Output formats'; names of programs stay. @param {string} title */
const heading = (title) => title.charAt(0) + title.slice(1).toLowerCase();

/** '.BR tmq\-pub (1) ,': a link to the page. @param {string} words @param {readonly string[]} names */
function reference(words, names) {
  const [name = '', ...rest] = plain(words).split(' ');
  return `${names.includes(name) ? `[${name}](${name}.md)` : `**${name}**`}${rest.join('')}`;
}

/**
 * One page. `names` are those of all pages, which become links.
 * @param {string} source @param {readonly string[]} names @returns {string}
 */
export function manualMarkdown(source, names) {
  /** @type {string[]} */
  const blocks = [];
  /** @type {string[]} */
  let words = [];
  /** @type {string[] | undefined} */
  let literal;
  let next = 'text';
  let lead = '';
  const flush = () => {
    if (words.length > 0) blocks.push(`${lead}${words.join(lead === '' ? '\n' : '\n  ')}`);
    words = [];
  };
  for (const line of source.trimEnd().split('\n')) {
    const [, request = '', rest = ''] = /^\.(\S+) ?(.*)$/.exec(line) ?? [];
    if (request === 'EX') {
      flush();
      literal = [];
    } else if (request === 'EE') {
      blocks.push(['```', ...(literal ?? []), '```'].join('\n'));
      literal = undefined;
    } else if (request === 'TH') {
      const [name = '', number = ''] = rest.split(' ');
      blocks.push(`# ${plain(name).toLowerCase()}(${number})`);
    } else if (request === 'SH' || request === 'SS') {
      flush();
      lead = '';
      blocks.push(request === 'SH' ? `## ${heading(plain(rest))}` : `### ${plain(rest)}`);
    } else if (request === 'PP' || request === 'RE') {
      flush();
      lead = '';
    } else if (request === 'br') words.push(`${words.pop() ?? ''}\\`);
    else if (request === 'TP') {
      flush();
      next = 'term';
    } else if (request === '' || request === 'BR') {
      if (literal !== undefined) literal.push(plain(line));
      else if (next === 'term') {
        words.push(`${request === 'BR' ? reference(rest, names) : inline(line)}\\`);
        lead = '- ';
        next = 'text';
      } else words.push(request === 'BR' ? reference(rest, names) : inline(line));
    }
  }
  flush();
  return `${blocks.join('\n\n')}\n`;
}
