/** Options that were given and can have no effect: no error, as scripts may always give them, but worth a line. */

import type {TlsOptions} from '../../client/connection-options.ts';
import type {TlsValues} from './tls-options.ts';

/** By their keys in the table of TLS options: what is nothing without TLS. */
const tlsOnly: Readonly<Partial<Record<keyof TlsValues, string>>> = {
  insecure: '--insecure',
  certificate: '--cert',
  key: '--key',
  ciphers: '--ciphers',
  tlsVersion: '--tls-version',
  tlsAlpn: '--tls-alpn',
  tlsKeyLog: '--tls-keylog',
  pskIdentity: '--psk-identity',
};

export interface WarnedValues extends TlsValues {
  readonly willTopic?: string;
  readonly willQos?: number;
}

/** A sentence for each; `tls` is what the connection will use, if anything. */
export function warningsOf(values: WarnedValues, tls: TlsOptions | undefined): readonly string[] {
  const warnings: string[] = [];
  // --no-tls asks for the others to be ignored.
  if (tls === undefined && values.noTls !== true) {
    const given = Object.entries(tlsOnly).flatMap(([key, name]) =>
      values[key as keyof TlsValues] === undefined ? [] : [name],
    );
    if (given.length > 0) {
      const verb = given.length === 1 ? 'has' : 'have';
      warnings.push(
        `${listed(given)} ${verb} no effect: this connection does not use TLS. Ask for it with --cafile, --capath, --tls-use-os-certs or port 8883.`,
      );
    }
  }
  if (values.willQos !== undefined && values.willTopic === undefined) {
    warnings.push('--will-qos has no effect without --will-topic.');
  }
  return warnings;
}

/** 'a', 'a and b', 'a, b and c' */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
