/** Runs the command of `--exec` until it ends. */

import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {constants} from 'node:os';
import {win32} from 'node:path';
import {fileReason, Interrupted, TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';

/** Milliseconds between the signal that asks the command to end and SIGKILL. */
const killDelay = 5000;

/**
 * Resolves with the command's exit status; as in a shell, 128 plus the signal's number if a signal ended it. The
 * command inherits the standard streams. When `signal` aborts, the command gets the same signal, and SIGKILL if it
 * does not end.
 * @throws TmqError with a shell's status, 127 or 126, when it cannot be started
 */
export async function runCommand(
  words: readonly string[],
  {env, signal, platform}: Pick<Io, 'env' | 'signal' | 'platform'>,
): Promise<number> {
  const [command = ''] = words;
  const [file, args, verbatim] =
    platform === 'win32' ? windowsCommand(words, env) : [command, words.slice(1)];
  const child = spawn(file, [...args], {
    env: {...env},
    stdio: 'inherit',
    windowsVerbatimArguments: verbatim === true,
  });
  let killer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    const {reason} = signal;
    const isPosix = platform !== 'win32';
    child.kill(isPosix && reason instanceof Interrupted ? reason.signalName : 'SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), killDelay);
  };
  signal.addEventListener('abort', interrupt, {once: true});
  if (signal.aborted) interrupt();
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(cannotStart(command, error)));
      child.once('exit', (code, name) =>
        resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])),
      );
    });
  } finally {
    clearTimeout(killer);
    signal.removeEventListener('abort', interrupt);
  }
}

function cannotStart(command: string, error: Error): TmqError {
  const missing = 'code' in error && error.code === 'ENOENT';
  const reason = missing ? 'there is no such command' : fileReason(error);
  return new TmqError(`Cannot run ${command}: ${reason}.`, missing ? 127 : 126, {cause: error});
}

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
