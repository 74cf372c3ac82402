/**
 * `npm run picture`: types the commands of README.md into shells on pseudo-terminals, and writes what these show to
 * man/tutorial.svg and man/pipeline.svg. Replaces what depends on the day, the machine or the port, so that the same
 * program gives the same pictures.
 */

import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {spawn} from '@lydell/node-pty';

const root = join(import.meta.dirname, '..', '..');
const columns = 110;

/** The blocks of a section of README.md, each a list of commands. @param {string} title */
function commandsBelow(title) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, section = ''] = new RegExp(`^## ${title}\n(.*?)^## `, 'ms').exec(readme) ?? [];
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text.trimEnd().split('\n'));
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const {port} = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @typedef {ReturnType<typeof openTerminal>} Terminal */

/** A shell on a terminal; what is typed is bold. @param {string} home @param {Record<string, string>} env */
function openTerminal(home, env) {
  const pty = spawn('bash', ['--noprofile', '--norc', '-i'], {
    name: 'xterm',
    cols: columns,
    rows: 50,
    cwd: home,
    env: {...env, PS1: '\\[\u001b[1m\\]$ ', PS0: '\u001b[22m'},
  });
  let output = '';
  let prompts = 1;
  /** @type {() => void} */
  let wake = () => undefined;
  pty.onData((text) => {
    output += text;
    wake();
  });
  const ended = new Promise((resolve) => pty.onExit(resolve));
  /** @param {() => boolean} condition */
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => (wake = () => resolve(undefined)));
  };
  const ready = () => until(() => output.split('\u001b[1m$ ').length > prompts);
  return {
    output: () => output,
    ready,
    /** @param {string} line */
    async types(line) {
      await ready();
      prompts++;
      pty.write(`${line}\r`);
    },
    /** @param {RegExp} pattern */
    shows: (pattern) => until(() => pattern.test(output)),
    async close() {
      // Ends what runs, then the shell: the hang-up of its terminal ends no broker.
      if (output.split('\u001b[1m$ ').length <= prompts) pty.write('\u0003');
      await ready();
      pty.write('exit\r');
      await ended;
    },
  };
}

/**
 * Plays a scene in three terminals, and returns what each one shows.
 * @param {(terminals: readonly Terminal[], traced: (pattern: RegExp) => Promise<void>) => Promise<void>} scene
 */
async function play(scene) {
  const home = mkdtempSync(join(tmpdir(), 'tmq-picture-'));
  const port = await freePort();
  const trace = join(home, '.trace');
  mkdirSync(join(home, '.bin'));
  const wrapper = `#!/bin/sh
case $1 in
  broker) set -- "$@" -p ${port} --trace --trace-file '${trace}' ;;
  pub|sub|rr) command=$1; shift; set -- "$command" -p ${port} "$@" ;;
esac
exec '${process.execPath}' '${join(root, 'bin', 'tmq.js')}' "$@"
`;
  writeFileSync(join(home, '.bin', 'tmq'), wrapper);
  chmodSync(join(home, '.bin', 'tmq'), 0o755);
  writeFileSync(join(home, '.inputrc'), 'set enable-bracketed-paste off\n');
  const env = {
    HOME: home,
    INPUTRC: join(home, '.inputrc'),
    PATH: `${join(home, '.bin')}:${process.env.PATH}`,
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
  };
  /** @param {RegExp} pattern */
  const traced = async (pattern) => {
    while (!existsSync(trace) || !pattern.test(readFileSync(trace, 'utf8')))
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const terminals = [1, 2, 3].map(() => openTerminal(home, env));
  try {
    await scene(terminals, traced);
    return terminals.map((terminal) => timeless(terminal.output(), port));
  } finally {
    for (const terminal of terminals) await terminal.close();
    rmSync(home, {recursive: true, force: true});
  }
}

/** The same text on each day and machine. @param {string} output @param {number} port */
const timeless = (output, port) =>
  output
    .replaceAll(String(port), '1883')
    .replaceAll(/(?<=from 127\.0\.0\.1:)\d+/g, '50123')
    .replaceAll(/(?<!\d)\d\d:\d\d:\d\d(?!\d)/g, '07:08:32')
    .replaceAll(/tmq-[A-Za-z0-9]{18}/g, 'tmq-LF1JFq8IHkCy0zwEMU')
    .replaceAll(/\w{3} \w{3} +\d+ [\d:]{8} UTC \d{4}/g, 'Fri Nov 20 07:08:32 UTC 2026')
    .replaceAll(/\d+ seconds/g, '0 seconds');

async function tutorial() {
  const [start = [], listen = [], speak = []] = commandsBelow('Five minutes');
  return await play(async ([broker, subscriber, publisher], traced) => {
    if (broker === undefined || subscriber === undefined || publisher === undefined) return;
    for (const line of start) await broker.types(line);
    await broker.shows(/127\.0\.0\.1/);
    for (const line of listen) await subscriber.types(line);
    await traced(/SUBACK/i);
    for (const line of speak) await publisher.types(line);
    await publisher.ready();
    await subscriber.shows(/greetings\S* Hello\r\n/);
    await broker.shows(/not authorised/);
  });
}

async function pipeline() {
  const [start = [], [count = '', answer = ''] = [], [lines = '', ask = ''] = [], more = []] =
    commandsBelow('Pipelines');
  return await play(async ([broker, second, third], traced) => {
    if (broker === undefined || second === undefined || third === undefined) return;
    for (const line of start) await broker.types(line);
    await broker.shows(/127\.0\.0\.1/);
    await second.types(count);
    await traced(/SUBACK/i);
    await third.types(lines);
    await third.ready();
    await second.types(answer);
    await traced(/SUBSCRIBE.*clock\/request/i);
    await traced(/(?:SUBACK[\s\S]*){2}/i);
    for (const line of [ask, ...more]) await third.types(line);
    await third.ready();
    await second.ready();
  });
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
  for (const [, code = '', final, character] of output.matchAll(/\u001b\[(\??[\d;]*)([A-Za-z])|(.)/gsu)) {
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

/** One element for each run of the same looks. @param {Cell[]} row @param {number} y */
function rowElements(row, y) {
  const elements = [];
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

/** What a terminal shows, without the prompt after the last command. @param {string} output */
function shownRows(output) {
  const rows = interpret(output);
  const last = rows
    .at(-1)
    ?.map(({text}) => text)
    .join('');
  return last?.trim() === '$' ? rows.slice(0, -1) : rows;
}

/** Three terminals, one below the other. @param {string} title @param {readonly string[]} outputs */
function picture(title, outputs) {
  const width = Math.ceil(2 * margin + columns * cell.width);
  /** @type {string[]} */
  const elements = [];
  let top = 0;
  for (const [index, output] of outputs.entries()) {
    const rows = shownRows(output);
    const height = 2 * margin + 34 + rows.length * cell.height - 10;
    elements.push(`<rect y="${top}" width="${width}" height="${height}" rx="8" fill="#161b22"/>`);
    for (const [place, colour] of ['#ff5f57', '#febc2e', '#28c840'].entries())
      elements.push(`<circle cx="${margin + 6 + place * 20}" cy="${top + 20}" r="6" fill="${colour}"/>`);
    const middle = `x="${width / 2}" y="${top + 25}" text-anchor="middle" fill="#8b949e"`;
    elements.push(`<text ${middle}>Terminal\u00a0${index + 1}</text>`);
    for (const [line, row] of rows.entries())
      elements.push(...rowElements(row, top + margin + 40 + line * cell.height));
    top += height + 10;
  }
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top - 10}" width="${width}" height="${top - 10}" role="img">`,
    `<title>${title}</title>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    ...elements,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

const directory = process.argv[2] ?? join(root, 'man');
writeFileSync(
  join(directory, 'tutorial.svg'),
  picture('Three terminals: a broker, a subscriber and a publisher', await tutorial()),
);
writeFileSync(
  join(directory, 'pipeline.svg'),
  picture('Three terminals: a broker, and commands in pipelines on both sides', await pipeline()),
);
