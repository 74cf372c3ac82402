/**
 * The TLS options, and what they say together: whether there is TLS, whom it trusts, as whom it speaks.
 * Paths stay paths; reading them belongs to the transport.
 */

import {inGroup, text, type Values} from '../../cli/option.ts';
import type {TlsOptions} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {TmqError, UsageError} from '../../errors.ts';
import type {SecretSource} from './credentials/credentials.ts';

export const tlsOptions = inGroup('TLS', {
  caFile: {
    flags: '--cafile <file>',
    summary: 'use TLS and trust the PEM certificates in this file',
    details: 'The default port becomes 8883.',
    parse: text,
    complete: 'file',
  },
  caPath: {
    flags: '--capath <directory>',
    summary: 'use TLS and trust the PEM certificates in this directory',
    details: 'The default port becomes 8883.',
    parse: text,
    complete: 'directory',
  },
  systemCertificates: {
    flags: '--tls-use-os-certs',
    summary: "use TLS and trust the system's certificates",
    details: 'Port 8883 without another TLS option, and the URLs mqtts:// and wss://, imply it.',
  },
  certificate: {
    flags: '--cert <file>',
    summary: 'certificate of this client, PEM; needs --key',
    parse: text,
    complete: 'file',
  },
  key: {
    flags: '--key <file>',
    summary: 'private key of this client, PEM; needs --cert',
    details:
      'The passphrase of an encrypted key is asked for on the terminal, or given by --keypass-file, --keypass-env or --keypass.',
    parse: text,
    complete: 'file',
  },
  keyPassphrase: {
    flags: '--keypass <passphrase>',
    summary: "passphrase of an encrypted --key; '-' asks for it",
    secret: true,
    parse: (given: string): SecretSource => (given === '-' ? {kind: 'prompt'} : {kind: 'text', text: given}),
  },
  keyPassphraseFile: {
    flags: '--keypass-file <file>',
    summary: 'passphrase of the --key: the first line of this file',
    complete: 'file',
    assign: (path: string) => ({keyPassphrase: {kind: 'file', path} satisfies SecretSource}),
  },
  keyPassphraseEnvironment: {
    flags: '--keypass-env <name>',
    summary: 'passphrase of the --key: the value of this environment variable',
    assign: (name: string) => ({keyPassphrase: {kind: 'environment', name} satisfies SecretSource}),
  },
  keyForm: {
    flags: '--keyform <form>',
    summary: "form of the --key; only 'pem'",
    noun: 'keyform',
    parse: (given: string): 'pem' | 'engine' => {
      const form = given.toLowerCase();
      if (form === 'pem' || form === 'engine') return form;
      throw new UsageError("Problem setting key form, it must be one of 'pem' or 'engine'.");
    },
    complete: ['pem'],
  },
  ciphers: {
    flags: '--ciphers <ciphers>',
    summary: 'ciphers to offer, an OpenSSL list',
    details: 'The list is for TLS 1.2; with --tls-version tlsv1.3 it names the cipher suites of TLS 1.3.',
    parse: text,
  },
  tlsVersion: {
    flags: '--tls-version <version>',
    summary: 'lowest version to use: tlsv1.2 (default) or tlsv1.3',
    noun: 'version',
    parse: (given: string): 'TLSv1.2' | 'TLSv1.3' => {
      const version = given.toLowerCase();
      if (version === 'tlsv1.2') return 'TLSv1.2';
      if (version === 'tlsv1.3') return 'TLSv1.3';
      throw new UsageError(
        `Problem setting TLS options, check the options are valid: --tls-version is tlsv1.2 or tlsv1.3, not ${given}.`,
      );
    },
    complete: ['tlsv1.2', 'tlsv1.3'],
  },
  tlsAlpn: {
    flags: '--tls-alpn <protocol>',
    summary: 'application protocol to ask the server for',
    parse: (given: string): string => {
      const length = Buffer.byteLength(given);
      if (length >= 1 && length <= 254) return given;
      throw new UsageError('Problem setting TLS ALPN protocol: its name has 1 to 254 bytes.');
    },
  },
  insecure: {
    flags: '--insecure',
    summary: 'do not verify the server; for tests only',
    details:
      'NEITHER THE CERTIFICATE NOR THE HOST NAME IS VERIFIED: any machine can pose as the server. It does not turn TLS on.',
  },
  psk: {
    flags: '--psk <key>',
    summary: 'use TLS with a pre-shared key, in hexadecimal',
    details: 'The default port becomes 8883, and the TLS version is 1.2. Needs --psk-identity.',
    secret: true,
    parse: (given: string): Uint8Array => {
      if (/^([0-9a-f]{2})+$/i.test(given)) return Buffer.from(given, 'hex');
      throw new UsageError(
        'Problem setting TLS-PSK options: the key of --psk is not hexadecimal, two digits for each byte.',
      );
    },
  },
  pskIdentity: {flags: '--psk-identity <identity>', summary: 'name that goes with --psk', parse: text},
  tlsKeyLog: {
    flags: '--tls-keylog <file>',
    summary: 'append TLS secrets to a file, for Wireshark',
    details: 'The default is the file that the environment variable SSLKEYLOGFILE names, if any.',
    parse: text,
    complete: 'file',
  },
  serverName: {
    flags: '--sni <name>',
    summary: "ask for this server name, which the certificate must be valid for, in place of the host's",
    details: 'For a server that is reached by its address or by another name, as through a tunnel.',
    noun: 'server name',
    parse: (given: string): string => {
      if (/^[\w*-]+(?:\.[\w-]+)*\.?$/.test(given) && !/^[\d.]+$/.test(given)) return given.replace(/\.$/, '');
      throw new UsageError(
        `Invalid server name of --sni given: ${given}. It is a host name, not an address.`,
      );
    },
  },
  tlsEngine: {
    flags: '--tls-engine <engine>',
    summary: 'an OpenSSL engine: not available, refused',
    noun: 'engine_id',
    parse: text,
    hidden: true,
  },
  tlsEngineKeyPassword: {
    flags: '--tls-engine-kpass-sha1 <hash>',
    summary: 'key password of an engine: not available, refused',
    noun: 'kpass sha1',
    parse: text,
    hidden: true,
    secret: true,
  },
  noTls: {flags: '--no-tls', summary: 'ignore all other TLS options, also on port 8883'},
});

export type TlsValues = Values<typeof tlsOptions>;

/** Whether an option asks for TLS whatever the port, and so makes 8883 the default one. */
export function impliesTlsPort(values: TlsValues): boolean {
  const {caFile, caPath, psk, noTls} = values;
  return noTls !== true && (caFile ?? caPath ?? psk) !== undefined;
}

/**
 * The TLS options of a connection to that port (undefined for a unix socket), or undefined for none.
 * @throws UsageError for options that need or exclude each other, TmqError for an engine
 */
export function toTls(values: TlsValues, port: number | undefined): TlsOptions | undefined {
  if (values.noTls === true) return undefined;
  checkTls(values);
  const system = values.systemCertificates === true || (port === 8883 && !impliesTlsPort(values));
  if (!system && !impliesTlsPort(values)) return undefined;
  const {psk, pskIdentity} = values;
  return defined({
    caFile: values.caFile,
    caPath: values.caPath,
    systemCertificates: system ? true : undefined,
    certificateFile: values.certificate,
    keyFile: values.key,
    insecure: values.insecure,
    minimumVersion: values.tlsVersion,
    ciphers: values.ciphers,
    alpn: values.tlsAlpn,
    psk: psk === undefined || pskIdentity === undefined ? undefined : {identity: pskIdentity, key: psk},
    keyLogFile: values.tlsKeyLog,
    serverName: values.serverName,
  });
}

/** mosquitto's checks, in its order. */
function checkTls(values: TlsValues): void {
  const {certificate, key, keyForm, tlsEngine, psk} = values;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError(
      'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
    );
  }
  if (keyForm !== undefined && key === undefined) {
    throw new UsageError('If keyform is set, keyfile must be also specified. Add --key.');
  }
  if (values.tlsEngineKeyPassword !== undefined && (tlsEngine === undefined || keyForm === undefined)) {
    throw new UsageError(
      'When using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided. For a key in a file, use --keypass.',
    );
  }
  if (psk !== undefined && (values.caFile ?? values.caPath) !== undefined) {
    throw new UsageError('Only one of --psk or --cafile/--capath may be used at once. Leave the other out.');
  }
  if (psk !== undefined && values.pskIdentity === undefined) {
    throw new UsageError('--psk-identity required if --psk used. It names the key.');
  }
  if (psk !== undefined && values.tlsVersion === 'TLSv1.3') {
    throw new UsageError('--psk works with TLS 1.2 only: leave out --tls-version tlsv1.3.');
  }
  if (tlsEngine !== undefined || keyForm === 'engine') {
    throw new TmqError(
      `Problem setting TLS engine, is ${tlsEngine ?? 'engine'} a valid engine? None is available here: use --cert and --key with PEM files.`,
    );
  }
}
