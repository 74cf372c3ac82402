/** How the clients connect again, and what they do about each code of the broker: from the table that they act by. */

import type {ManualSection} from '../../cli/command.ts';
import {
  type Consequence,
  disconnectConsequences,
  refusalConsequences,
} from '../../client/session/consequences.ts';
import {failureCodes, reasonText, returnCodeTable} from '../../protocol/reason-codes.ts';

const hexadecimal = (code: number) => `0x${code.toString(16)}`;

/** "0x88 Server unavailable, 0x89 Server busy" of those codes that have the consequence. */
function codesWith(wanted: Consequence, consequenceOf: (code: number) => Consequence | undefined): string {
  return failureCodes
    .filter((code) => consequenceOf(code) === wanted)
    .map((code) => `${hexadecimal(code)} ${reasonText(code)}`)
    .join(', ');
}

const temporaryReturns = returnCodeTable
  .filter(([code]) => refusalConsequences.get(code) === 'retry')
  .map(([code, , text]) => `${code} ${text}`)
  .join(', ');

const disconnect = (code: number) => disconnectConsequences.get(code);

/** The sections about several hosts, pauses and codes. */
export const reconnectingSections: readonly ManualSection[] = [
  {
    title: 'Reconnecting',
    text: [
      'sub and pub -l connect again when an accepted connection is lost. rr and the other forms of pub do so only with --reconnect. The first connection is tried once, or with --retry-connect until it comes about: the second example waits for a broker.',
      'The pause before an attempt is one second at first, and doubles up to 30 seconds, with jitter. It begins anew after a connection that lasted for two seconds, and longer than the pause before it. An attempt looks up the name anew and tries all its addresses, and each host of -h or -L in turn, beginning with the one that was connected to. Started under a mosquitto name, the pause is always one second.',
      'After a connection without the session that was there before, a line on standard error says for how long messages may be missing.',
    ],
    literal: [
      "tmq sub -h localhost,localhost:1884 -q 1 -c -i logger -t 'log/#'",
      'tmq sub --retry-connect -E -W 30 -t x',
    ],
  },
  {
    title: 'What ends a session',
    text: [
      'When the broker refuses a connection after one was accepted, or ends one, its code decides. The first connection ends with any code, except with --retry-connect.',
    ],
    remarks: {
      'CONNACK, tried again': `${codesWith('retry', (code) => refusalConsequences.get(code))}; before MQTT 5: ${temporaryReturns}; and a connection closed before CONNACK.`,
      'CONNACK, another server': `${codesWith('redirect', (code) => refusalConsequences.get(code))}: see --redirect.`,
      'CONNACK, all other codes': 'End the command; the code is the exit status.',
      'DISCONNECT, tried again': `${codesWith('retry', disconnect)}; and a connection closed without DISCONNECT.`,
      'DISCONNECT, tried twice more': `${codesWith('repeat', disconnect)}. When three connections running end while the same packet waits for its answer, the command ends with the code, or with 7 where there is none, and names the packet. So it does when they end without DISCONNECT.`,
      'DISCONNECT, another server': `${codesWith('redirect', disconnect)}: see --redirect.`,
      'DISCONNECT, ends the command': `${codesWith('end', disconnect)}; the code is the exit status.`,
    },
  },
];
