/**
 * The errors that commands report, and all exit statuses. The numbers are mosquitto's, so that scripts for
 * its clients keep working. MQTT return codes (3.1.1) and reason codes of 128 and above (5) are passed on.
 */

/** The exit statuses that tmq chooses itself, and what the manual says of each; it adds the codes of brokers. */
export const exitStatuses = {
  success: [0, 'Success, or the reader of standard output closed it.'],
  failure: [
    1,
    'The command line is wrong, a file cannot be read or written, or the broker cannot be reached.',
  ],
  protocol: [2, 'Protocol error, by the broker or reported by it.'],
  invalid: [3, 'The message or packet to be sent was invalid.'],
  noConnection: [4, 'The broker closed the connection, or the proxy could not reach it.'],
  refused: [5, 'The broker refused the user name and password (up to MQTT 3.1.1).'],
  connectionLost: [7, 'The connection was lost.'],
  tls: [8, 'TLS failed: a certificate, a key or a protocol version was not accepted.'],
  proxyAuthentication: [11, 'The proxy requires another user name or password.'],
  webSocket: [13, 'The server refused the WebSocket.'],
  errno: [14, 'The operating system reported an error on the connection.'],
  lookup: [15, 'A host name was not found.'],
  proxy: [16, 'The proxy failed.'],
  keepalive: [19, 'The broker did not answer within the keep alive interval.'],
  malformed: [21, 'The broker sent bytes that are not an MQTT packet.'],
  qosNotSupported: [24, 'The broker does not support the quality of service.'],
  packetTooLarge: [25, 'The message is larger than the broker allows.'],
  timeout: [27, 'Timed out (-W).'],
  unexpected: [50, 'What came is not what was asked for (--fail-if).'],
  interrupted: [130, 'Interrupted (SIGINT).'],
  terminated: [143, 'Terminated (SIGTERM).'],
} as const;

/** The exit statuses by name. When a broker refuses, its own code is the exit status. */
export const ExitCode = Object.fromEntries(
  Object.entries(exitStatuses).map(([name, [status]]) => [name, status]),
) as {readonly [Name in keyof typeof exitStatuses]: (typeof exitStatuses)[Name][0]};

/** An exit status: one of the above, or the code of a broker's refusal. */
export type ExitCode = number;

/** An error for the user: one sentence without prefix or newline, and the exit status. */
export class TmqError extends Error {
  override readonly name: string = 'TmqError';
  readonly exitCode: ExitCode;
  /** Whether the command ends without a message: the user knows what happened. */
  readonly silent: boolean = false;

  constructor(message: string, exitCode: ExitCode = ExitCode.failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A file cannot be used; the message names it. */
export class FileError extends TmqError {
  override readonly name = 'FileError';
  readonly path: string;

  constructor(message: string, path: string, options?: ErrorOptions) {
    super(message, ExitCode.failure, options);
    this.path = path;
  }
}

/** A secret cannot be had now. It may be later: a session that is running tries again. */
export class CredentialsUnavailable extends TmqError {
  override readonly name = 'CredentialsUnavailable';
}

/** A mistake on the command line or in an options file; `main` adds a pointer to --help. */
export class UsageError extends TmqError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.failure, options);
  }
}

/** What each signal that ends a command leaves as its exit status: 128 and its number, as a shell says it. */
const signalStatuses = {
  SIGHUP: 129,
  SIGINT: ExitCode.interrupted,
  SIGQUIT: 131,
  // Ctrl-Break on Windows; no other system has it.
  SIGBREAK: 149,
  SIGALRM: 142,
  SIGTERM: ExitCode.terminated,
} as const;

/** The signals at which a command ends in order. */
export type EndingSignal = keyof typeof signalStatuses;

export const endingSignals = Object.keys(signalStatuses) as readonly EndingSignal[];

/** A signal asked the command to stop; no message is printed, for the user sent it. */
export class Interrupted extends TmqError {
  override readonly name = 'Interrupted';
  override readonly silent = true;
  readonly signalName: EndingSignal;

  constructor(signalName: EndingSignal) {
    super(`Interrupted by ${signalName}.`, signalStatuses[signalName]);
    this.signalName = signalName;
  }
}

/** The code of an error of the system or of Node, 'ENOENT'; '' where there is none. */
export function codeOf(error: unknown): string {
  const code = (error as {code?: unknown} | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
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
  const {message = String(error)} = (error ?? {}) as {message?: string};
  // Node's text is 'EMFILE: too many open files, open '/a/path''.
  return fileReasons[codeOf(error)] ?? /^[A-Z][A-Z\d]*: ([^,]+)(?:,|$)/.exec(message)?.[1] ?? message;
}

/**
 * 'Cannot read the CA file x: no such file or directory.', with status 1 and `error` as its cause.
 * @param role what the file is for, 'CA file'; empty where the path says enough: 'Cannot read x: …'
 * @param verb what was attempted: 'read' or, for example, 'open'
 */
export function fileError(role: string, path: string, error: unknown, verb = 'read'): FileError {
  const file = role === '' ? path : `the ${role} ${path}`;
  return new FileError(`Cannot ${verb} ${file}: ${fileReason(error)}.`, path, {cause: error});
}
