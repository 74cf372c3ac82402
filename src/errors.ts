/**
 * Every way a command can fail, and the status it then leaves with.
 *
 * The numbers are mosquitto's, so that scripts written for its clients keep working; MQTT return codes
 * (3.1.1) and reason codes of 128 and above (5) pass through as they came. Nothing outside this file
 * invents an exit status.
 */

/** The exit statuses that tmq chooses itself; a refusal by a broker leaves with the broker's own code. */
export const ExitCode = {
  success: 0,
  failure: 1,
  protocol: 2,
  invalid: 3,
  noConnection: 4,
  refused: 5,
  connectionLost: 7,
  tls: 8,
  proxyAuthentication: 11,
  webSocket: 13,
  errno: 14,
  lookup: 15,
  proxy: 16,
  keepalive: 19,
  malformed: 21,
  qosNotSupported: 24,
  packetTooLarge: 25,
  timeout: 27,
  interrupted: 130,
  terminated: 143,
} as const;

/** What each of them says, for the manual; the numbers that a broker's refusal adds are told there. */
export const exitCodeMeanings: Readonly<Record<keyof typeof ExitCode, string>> = {
  success: 'All went well, or the reader of the output went away.',
  failure: 'The command line is wrong, a file cannot be read or written, or the broker cannot be reached.',
  protocol: 'The broker broke the rules of the protocol, or accuses this client of it.',
  invalid: 'Something invalid was to be sent.',
  noConnection: 'The broker ended the connection, or a proxy found no way to it.',
  refused: 'The broker refused the user name and password (up to MQTT 3.1.1).',
  connectionLost: 'The connection was lost.',
  tls: 'TLS failed: a certificate, a key or a version does not fit.',
  proxyAuthentication: 'The proxy wants another user name and password.',
  webSocket: 'The server refused the WebSocket.',
  errno: 'The operating system reported an error on the connection.',
  lookup: 'A name was not found.',
  proxy: 'The proxy failed.',
  keepalive: 'The broker gave no sign of life within the keep alive interval.',
  malformed: 'The broker sent something that is no MQTT packet.',
  qosNotSupported: 'The broker does not support the quality of service.',
  packetTooLarge: 'The message is larger than the broker allows.',
  timeout: 'The time given by -W is over.',
  interrupted: 'Interrupted (SIGINT).',
  terminated: 'Terminated (SIGTERM).',
};

/** An exit status: one of the above, or the code of a broker's refusal. */
export type ExitCode = number;

/** What a user can meet: one sentence without prefix or newline, and the status to leave with. */
export class TmqError extends Error {
  override readonly name: string = 'TmqError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = ExitCode.failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Wrong words on the command line or in an options file; `main` adds where to read about the right ones. */
export class UsageError extends TmqError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.failure, options);
  }
}

/** A signal asked the command to stop. It has no message: whoever sent the signal knows. */
export class Interrupted extends TmqError {
  override readonly name = 'Interrupted';
  readonly signalName: 'SIGINT' | 'SIGTERM';

  constructor(signalName: 'SIGINT' | 'SIGTERM') {
    super('', signalName === 'SIGINT' ? ExitCode.interrupted : ExitCode.terminated);
    this.signalName = signalName;
  }
}

/** What the user reads for the codes of file errors. Other codes read as Node words them. */
const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ELOOP: 'too many symbolic links',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
};

/** Why a file cannot be used, without a full stop: 'no such file or directory'. `error` comes from node:fs. */
export function fileReason(error: unknown): string {
  const {code = '', message = String(error)} = (error ?? {}) as {code?: string; message?: string};
  // Node's text is 'EMFILE: too many open files, open '/a/path''.
  return fileReasons[code] ?? /^[A-Z][A-Z\d]*: ([^,]+)(?:,|$)/.exec(message)?.[1] ?? message;
}

/**
 * 'Cannot read the CA file x: no such file or directory.', with status 1 and `error` as its cause.
 * @param role what the file is for, 'CA file'; empty where the path says enough: 'Cannot read x: …'
 * @param verb what was attempted: 'read' or, for example, 'open'
 */
export function fileError(role: string, path: string, error: unknown, verb = 'read'): TmqError {
  const file = role === '' ? path : `the ${role} ${path}`;
  return new TmqError(`Cannot ${verb} ${file}: ${fileReason(error)}.`, ExitCode.failure, {cause: error});
}
