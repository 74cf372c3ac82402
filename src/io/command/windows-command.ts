/** What Windows starts for a command line: it looks for the file as cmd.exe does, and has cmd.exe run scripts. Pure. */

import {existsSync} from 'node:fs';
import {win32} from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; on Windows the case of its name does not matter. */
function variable(env: Environment, name: string): string {
  const key = Object.keys(env).find((each) => each.toUpperCase() === name);
  return (key === undefined ? undefined : env[key]) ?? '';
}

/** The file that a command names, looked for as cmd.exe does; undefined: there is none. */
function findCommand(
  command: string,
  env: Environment,
  exists: (path: string) => boolean,
): string | undefined {
  const extensions = variable(env, 'PATHEXT') || '.COM;.EXE;.BAT;.CMD';
  const endings = [...(win32.extname(command) === '' ? [] : ['']), ...extensions.split(';')];
  const folders = /[\\/:]/.test(command) ? [''] : ['.', ...variable(env, 'PATH').split(';').filter(Boolean)];
  return folders
    .flatMap((folder) => endings.map((ending) => win32.join(folder, `${command}${ending}`)))
    .find(exists);
}

/** A ^ before each character that cmd.exe gives a meaning. */
const escaped = (text: string) => text.replace(/[()\][%!^"`<>&|;, *?]/g, '^$&');

/** A word as the C runtime takes it apart: in quotes, with backslashes doubled before a quote. */
const inQuotes = (word: string) => `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1')}"`;

/**
 * What Windows starts for a command line. It starts .exe files itself; scripts such as npm.cmd are run by cmd.exe, for
 * which the words are quoted as the package cross-spawn does it. `verbatim`: the arguments are quoted already.
 */
export function windowsCommand(
  [command = '', ...args]: readonly string[],
  env: Environment,
  exists: (path: string) => boolean = existsSync,
): readonly [file: string, args: readonly string[], verbatim: boolean] {
  const found = findCommand(command, env, exists);
  if (found === undefined || !/\.(cmd|bat)$/i.test(found)) return [found ?? command, args, false];
  // The script hands its words to another program: cmd.exe reads them twice.
  const words = args.map((word) => escaped(escaped(inQuotes(word))));
  const line = [escaped(found), ...words].join(' ');
  return [variable(env, 'COMSPEC') || 'cmd.exe', ['/d', '/s', '/c', `"${line}"`], true];
}
