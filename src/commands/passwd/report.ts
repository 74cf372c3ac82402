/** What `passwd` prints about a password file without changing it: --list, --weak, --verify. */

import {ExitCode, TmqError} from '../../errors.ts';
import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import {openPrompter} from '../../io/prompt.ts';
import {sanitiseText} from '../../io/sanitise.ts';
import {warn} from '../../io/terminal.ts';
import type {NumberedUser} from '../../password/file.ts';
import {type Cost, schemeOf, verifySecret} from '../../password/hash.ts';
import {readUsers} from './edit-file.ts';
import type {GivenUser} from './plan.ts';

interface Row {
  readonly username: string;
  /** Also 'plain' for plain text and 'unknown' for what no broker reads. */
  readonly scheme: string;
  /** Null where nothing is known of it. */
  readonly cost: Cost | null;
  readonly line: number;
  /** Why it falls short of today's advice, where it does. */
  readonly weakness: string | undefined;
}

function toRow({number, line}: NumberedUser): Row {
  const row = {username: line.username, line: number};
  switch (line.kind) {
    case 'plain':
      return {
        ...row,
        scheme: 'plain',
        cost: null,
        weakness: 'plain text, which no broker accepts; -U hashes it',
      };
    case 'malformed':
      return {...row, scheme: 'unknown', cost: null, weakness: line.reason};
    case 'entry': {
      const scheme = schemeOf(line.secret)!;
      const cost = scheme.cost(line.secret)!;
      return {...row, scheme: scheme.name, cost, weakness: scheme.weakness(cost)};
    }
  }
}

/** Also what JSON leaves as it is, and a terminal would obey, is escaped. */
function toJson({weakness, ...row}: Row, weak: boolean): string {
  return JSON.stringify(weak ? {...row, weakness} : row).replace(
    /[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Fields separated by tabs; a tab within a name is shown as '\t'. */
function toText({username, scheme, cost, line, weakness}: Row, weak: boolean): string {
  const work = Object.entries(cost ?? {}).map(([name, value]) => `${name}=${value}`);
  const fields = [
    sanitiseText(username).replaceAll('\t', '\\t'),
    scheme,
    work.join(',') || '-',
    String(line),
  ];
  return [...fields, ...(weak ? [weakness] : [])].join('\t');
}

/** Prints every entry, or only the weak ones with the reason; those make the status 1. */
export async function report(
  {action, path, json}: {readonly action: 'list' | 'weak'; readonly path: string; readonly json: boolean},
  io: Io,
): Promise<ExitCode> {
  const weak = action === 'weak';
  const output = new Output(io.stdout);
  let found = false;
  for await (const users of readUsers(path)) {
    for (const row of users.map(toRow)) {
      if (weak && row.weakness === undefined) continue;
      found = true;
      output.text(`${json ? toJson(row, weak) : toText(row, weak)}\n`);
    }
    await output.flush();
  }
  return weak && found ? ExitCode.failure : ExitCode.success;
}

/** The entry that lets a user in: where there are several, the one that mosquitto 2.0 takes. */
async function findSecret(path: string, username: string, io: Io): Promise<string> {
  const numbers: number[] = [];
  let last: NumberedUser | undefined;
  for await (const users of readUsers(path)) {
    for (const user of users) {
      if (user.line.username !== username) continue;
      numbers.push(user.number);
      // An entry that admits no user never counts beside one that does.
      if (user.line.kind === 'entry' || last?.line.kind !== 'entry') last = user;
    }
  }
  if (last === undefined)
    throw new TmqError(`User ${username} not found in password file. --list shows the users.`);
  if (numbers.length > 1) {
    await warn(io, `User ${username} has several lines: ${numbers.join(', ')}. The last entry counts here.`);
  }
  const {number, line} = last;
  if (line.kind === 'entry') return line.secret;
  const reason = line.kind === 'malformed' ? line.reason : 'its password is plain text, which -U hashes';
  throw new TmqError(`Line ${number} of ${path} admits no user: ${reason}.`);
}

/** Whether the password is the user's: success, or a TmqError that says what is wrong. */
export async function verify(
  {path, username, password}: GivenUser & {readonly path: string},
  io: Io,
): Promise<ExitCode> {
  const secret = await findSecret(path, username, io);
  await using prompter = openPrompter(io);
  const candidate = password ?? (await prompter.secret('Password: '));
  if (await verifySecret(secret, candidate)) return ExitCode.success;
  throw new TmqError(`This is not the password of user ${username}.`);
}
