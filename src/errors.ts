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
