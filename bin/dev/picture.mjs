/**
 * `npm run picture`: plays a session on a pseudo-terminal and writes what it shows to man/terminal.svg, the
 * picture in README.md. Nothing in it depends on the day, the machine or the port, so that the same program
 * gives the same picture.
 */

import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {spawn} from '@lydell/node-pty';

const program = join(import.meta.dirname, '..', 'tmq.js');
const columns = 82;
const home = mkdtempSync(join(tmpdir(), 'tmq-picture-'));

/** What is typed, line by line; the broker is there before. */
const session = [
  'tmq passwd -b -c auth.txt rajan password123',
  "printf 'allow_anonymous false\\npassword_file auth.txt\\n' > mosquitto.conf",
  'tmq broker -c mosquitto.conf &',
  'tmq pub -t greetings -u rajan -P password123 -r -d -m "Hello" -i me',
  "tmq sub -t '#' -u rajan -P password123 -v -C 1",
  "tmq sub -t '#' -u rajan -P password123 -F '%t %p, %l bytes' -C 1",
  "tmq sub -t '#' -u rajan -P wrong",
  'tmq pub -t greetings -m Hello --qos=1',
];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const {port} = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Runs a program on a terminal of its own.
 * @param {string[]} words @param {Record<string, string>} env
 */
function onTerminal(words, env) {
  const [command = '', ...args] = words;
  const pty = spawn(command, args, {name: 'xterm', cols: columns, rows: 50, cwd: home, env});
  let output = '';
  /** @type {() => void} */
  let wake = () => undefined;
  pty.onData((text) => {
    output += text;
    wake();
  });
  const finished = new Promise((resolve) => {
    pty.onExit(() => resolve(output));
  });
  return {
    finished,
    stop: () => pty.kill('SIGTERM'),
    /** @param {RegExp} pattern */
    async shows(pattern) {
      while (!pattern.test(output)) await new Promise((resolve) => (wake = () => resolve(undefined)));
    },
  };
}

/** Plays the session. @returns {Promise<string>} */
async function play() {
  const port = await freePort();
  mkdirSync(join(home, '.config', 'tmq'), {recursive: true});
  mkdirSync(join(home, 'bin'));
  symlinkSync(program, join(home, 'bin', 'tmq'));
  for (const name of ['pub', 'sub']) writeFileSync(join(home, '.config', 'tmq', name), `-p ${port}\n`);
  const env = {
    HOME: home,
    PATH: `${join(home, 'bin')}:${process.env.PATH}`,
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
  };
  let screen = '';
  let broker;
  for (const line of session) {
    screen += `\u001b[1m$ ${line}\u001b[22m\r\n`;
    if (line.endsWith('&')) {
      broker = onTerminal(['tmq', 'broker', '-c', 'mosquitto.conf', '-p', String(port)], env);
      await broker.shows(/listen/i);
    } else screen += await onTerminal(['sh', '-c', line], env).finished;
  }
  broker?.stop();
  await broker?.finished;
  return screen;
}

/** @typedef {{text: string, colour: number, bold: boolean, dim: boolean}} Cell */

/**
 * What a terminal makes of it: rows of characters with their looks. Knows SGR, carriage return, and erasing
 * to the end of a line; a program that needs more is not for this picture.
 * @param {string} output @returns {Cell[][]}
 */
function interpret(output) {
  /** @type {Cell[][]} */
  const rows = [[]];
  let column = 0;
  let look = {colour: 39, bold: false, dim: false};
  for (const [, code = '', final, character] of output.matchAll(/\u001b\[([\d;]*)([A-Za-z])|(.)/gsu)) {
    const row = /** @type {Cell[]} */ (rows.at(-1));
    if (final === 'm') {
      for (const number of code.split(';').map(Number)) {
        if (number === 0) look = {colour: 39, bold: false, dim: false};
        else if (number === 1) look = {...look, bold: true};
        else if (number === 2) look = {...look, dim: true};
        else if (number === 22) look = {...look, bold: false, dim: false};
        else if ((number >= 30 && number < 40) || number >= 90) look = {...look, colour: number};
      }
    } else if (final === 'K') row.length = Math.min(row.length, column);
    else if (final === 'G') column = Number(code || 1) - 1;
    else if (character === '\r') column = 0;
    else if (character === '\n') rows.push([]);
    else if (character !== undefined && character >= ' ') {
      if (column === columns) {
        rows.push([]);
        column = 0;
      }
      const target = /** @type {Cell[]} */ (rows.at(-1));
      while (target.length < column) target.push({text: ' ', colour: 39, bold: false, dim: false});
      target[column++] = {text: character, ...look};
    }
  }
  while (rows.at(-1)?.length === 0) rows.pop();
  return rows;
}

/** The colours of a dark terminal, by SGR number. @type {Record<number, string>} */
const palette = {31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#79c0ff', 36: '#56d4dd', 39: '#d5dbe3'};
const cell = {width: 8.4, height: 20};
const margin = 20;

/** Blanks as such that no viewer makes one of, or none. @param {string} text */
const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');

/** One element for each run of the same looks. @param {Cell[]} row @param {number} index */
function rowElements(row, index) {
  const elements = [];
  const y = margin + 34 + index * cell.height;
  for (let start = 0; start < row.length; ) {
    const first = /** @type {Cell} */ (row[start]);
    let end = start;
    const same = (/** @type {Cell | undefined} */ other) =>
      other?.colour === first.colour && other.bold === first.bold && other.dim === first.dim;
    while (same(row[end])) end++;
    const text = row
      .slice(start, end)
      .map((each) => each.text)
      .join('');
    if (text.trim() !== '') {
      const weight = first.bold ? ' font-weight="600"' : '';
      const opacity = first.dim ? ' opacity="0.6"' : '';
      const x = (margin + start * cell.width).toFixed(1);
      const length = (text.length * cell.width).toFixed(1);
      elements.push(
        `<text x="${x}" y="${y}" textLength="${length}" fill="${palette[first.colour] ?? palette[39]}"${weight}${opacity}>${escaped(text)}</text>`,
      );
    }
    start = end;
  }
  return elements;
}

/** @param {Cell[][]} rows */
function picture(rows) {
  const width = Math.ceil(2 * margin + columns * cell.width);
  const height = margin + 34 + rows.length * cell.height;
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (colour, index) => `<circle cx="${margin + 6 + index * 20}" cy="20" r="6" fill="${colour}"/>`,
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>A session with tmq: a password, a broker, a message, and two mistakes</title>',
    `<rect width="${width}" height="${height}" rx="8" fill="#161b22"/>`,
    ...dots,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    ...rows.flatMap(rowElements),
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

try {
  const output = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'man', 'terminal.svg');
  writeFileSync(output, picture(interpret(await play())));
} finally {
  rmSync(home, {recursive: true, force: true});
}
