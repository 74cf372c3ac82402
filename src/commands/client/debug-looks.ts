/** The lines of -d as a person reads them on a terminal: in colour, with names beside reason codes. */

import {type Io, isDropIn} from '../../io/process.ts';
import {traceLooks} from '../../io/terminal.ts';
import {reasonText, returnText} from '../../protocol/reason-codes.ts';
import type {ClientPlan} from './client-options.ts';

/** What stands before the reason code that ends a line, and the code. */
const lastCode = /((?:CONNACK|DISCONNECT) \(|(?:PUBACK|PUBREC|PUBCOMP) \(.*(?:RC:|rc))(\d+)\)$/;
const granted = /^(Subscribed \(mid: \d+\): )(.*)$/;

/** 0, 1 and 2 are no failures, or a quality of service. */
function named(code: string): string {
  return Number(code) < 3 ? code : `${code} ${reasonText(Number(code))}`;
}

function withReasons(line: string): string {
  return line
    .replace(lastCode, (_, lead: string, code: string) => {
      const text = lead.startsWith('CONNACK') && Number(code) > 0 ? returnText(Number(code)) : undefined;
      return `${lead}${text === undefined ? named(code) : `${code} ${text}`})`;
    })
    .replace(
      granted,
      (_, lead: string, codes: string) => `${lead}${codes.split(', ').map(named).join(', ')}`,
    );
}

/** What makes a line of -d fit for stderr: outside of a terminal, and under mosquitto's names, it is left alone. */
export async function debugLooks({color}: ClientPlan, io: Io): Promise<(line: string) => string> {
  const looks = await traceLooks(io, color);
  if (io.stderr.isTTY !== true || isDropIn(io)) return looks;
  return (line) => looks(withReasons(line));
}
