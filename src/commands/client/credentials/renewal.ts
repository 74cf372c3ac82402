/** Passwords and headers that commands print, anew for each connection. Loaded only where an option names a command. */

import type {Header, Renewal} from '../../../client/connection-options.ts';
import {defined} from '../../../defined.ts';
import {CredentialsUnavailable, UsageError} from '../../../errors.ts';
import {commandOutput} from '../../../io/command-output.ts';
import type {Io} from '../../../io/process.ts';
import {parseHeader} from './credential-options.ts';
import {checkLength} from './credentials.ts';

export interface RenewalPlan {
  readonly username: string | undefined;
  readonly passwordCommand: string | undefined;
  /** Seconds for which a password without a time of expiry is kept. */
  readonly passwordSeconds: number | undefined;
  /** Those of --header. */
  readonly headers: readonly Header[] | undefined;
  readonly headerCommand: string | undefined;
}

/** How long before its expiry a token is not used any more, in milliseconds: clocks differ. */
const margin = 60_000;

/** When a JSON Web Token expires, in milliseconds since the epoch; undefined for anything else [RFC 7519, 4.1.4]. */
export function expiryOf(token: string): number | undefined {
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token) ?? [];
  if (payload === undefined) return undefined;
  try {
    const {exp} = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {readonly exp?: unknown};
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** Runs the commands, and keeps a password as long as it may be. */
export function commandRenewal(
  {username, passwordCommand, passwordSeconds = 0, headers = [], headerCommand}: RenewalPlan,
  io: Io,
): Renewal {
  const {env, stderr} = io;
  const now = () => Number(io.now() / 1_000_000n);
  let kept: {readonly password: string; readonly until: number} | undefined;
  /** The last connection had a password that was fetched for an earlier one. */
  let isUsedAgain = false;
  const password = async (command: string, signal: AbortSignal) => {
    isUsedAgain = kept !== undefined && now() < kept.until;
    if (kept !== undefined && isUsedAgain) return kept.password;
    const output = await commandOutput(command, {option: '--pw-command', env, stderr, signal});
    const line = checkLength(output.split(/\r?\n/, 1)[0]!);
    if (line === '') throw new CredentialsUnavailable('The command of --pw-command printed no password.');
    const expiry = expiryOf(line);
    kept = {password: line, until: expiry === undefined ? now() + passwordSeconds * 1000 : expiry - margin};
    return line;
  };
  const printedHeaders = async (command: string, signal: AbortSignal) => {
    const output = await commandOutput(command, {option: '--header-command', env, stderr, signal});
    const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '');
    try {
      return lines.map((line) => parseHeader(line, '--header-command'));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new CredentialsUnavailable(error.message, undefined, {cause: error});
    }
  };
  return {
    async parts(signal) {
      const word = passwordCommand === undefined ? undefined : await password(passwordCommand, signal);
      const printed = headerCommand === undefined ? undefined : await printedHeaders(headerCommand, signal);
      return {
        ...(word === undefined ? {} : {credentials: defined({username, password: word})}),
        ...(printed === undefined ? {} : {headers: [...headers, ...printed]}),
      };
    },
    refused() {
      kept = undefined;
      return isUsedAgain;
    },
  };
}
