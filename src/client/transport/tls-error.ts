/**
 * What went wrong with TLS, in one sentence that names the certificate and the remedy. Pure: takes what
 * OpenSSL and the peer's certificate say; opens nothing. Every failure leaves with the same status.
 */

import {codeOf, ExitCode, TmqError} from '../../errors.ts';
import type {TlsOptions} from '../connection-options.ts';
import {ClosedEarly} from './connect-step.ts';

/** An error of TLS: all have the same status. */
export function tlsError(message: string, cause?: unknown): TmqError {
  return new TmqError(message, ExitCode.tls, {cause});
}

/** Why a file does not hold the PEM text that it should: 'The CA file x holds no certificate in PEM form.' */
export function notPem(role: string, path: string, content: string, wanted: string): TmqError {
  const isDer = content.startsWith('0') && !content.includes('-----BEGIN');
  if (isDer) {
    const command = wanted === 'certificate' ? 'x509' : 'pkey';
    return tlsError(
      `The ${role} ${path} is DER, not PEM. Convert it: openssl ${command} -inform DER -in ${path}`,
    );
  }
  const other = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(content)
    ? ' It holds a private key.'
    : content.includes('-----BEGIN CERTIFICATE-----')
      ? ' It holds a certificate.'
      : '';
  return tlsError(`The ${role} ${path} holds no ${wanted} in PEM form.${other}`);
}

/** What a sentence needs of a certificate; names come from the peer and are shown with care. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** "localhost, 127.0.0.1"; empty where there are none. */
  readonly names: string;
  /** Whether its own key signed it. */
  readonly isSelfSigned: boolean;
  readonly validFrom: Date;
  readonly validTo: Date;
}

export interface TlsPeer {
  /** The peer as messages name it. */
  readonly name: string;
  /** The name its certificate must hold. */
  readonly host?: string;
  readonly options: TlsOptions;
}

/** Text of a stranger, fit for a terminal and one line: no control characters, no novel. */
export function harmless(text: string): string {
  const clean = text.replace(/[\p{Control}\p{Format}\p{Surrogate}]/gu, '?');
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}

function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an unknown day' : date.toISOString().slice(0, 10);
}

function trustHint({caFile, caPath}: TlsOptions): string {
  if (caFile !== undefined) return `The CA certificate is not in ${caFile}: is that the right --cafile?`;
  if (caPath !== undefined) return `The CA certificate is not in ${caPath}: is that the right --capath?`;
  return 'Name the file of the CA certificate with --cafile.';
}

type Explanation = (peer: TlsPeer, chain: readonly CertificateFacts[], leaf: CertificateFacts) => string;

const unknownIssuer: Explanation = (peer, chain, leaf) => {
  const issuer = chain.at(-1)?.issuer ?? leaf.issuer;
  return `The certificate of ${peer.name} was issued by "${issuer}", which is not trusted. ${trustHint(peer.options)}`;
};

const expired: Explanation = (peer, chain, leaf) => {
  const culprit = chain.find(({validTo}) => validTo.getTime() < Date.now());
  if (culprit === undefined)
    return `A CA certificate behind that of ${peer.name} has expired. It must be renewed.`;
  const owner =
    culprit === leaf ? `The certificate of ${peer.name}` : `The CA certificate "${culprit.subject}"`;
  return `${owner} expired on ${day(culprit.validTo)}. It must be renewed, or this machine's clock is wrong.`;
};

const notYetValid: Explanation = (peer, chain, leaf) => {
  const culprit = chain.find(({validFrom}) => validFrom.getTime() > Date.now()) ?? leaf;
  const owner =
    culprit === leaf ? `The certificate of ${peer.name}` : `The CA certificate "${culprit.subject}"`;
  return `${owner} is not valid before ${day(culprit.validFrom)}. Is this machine's clock right?`;
};

const wrongName: Explanation = (peer, _chain, leaf) => {
  const host = peer.host ?? peer.name;
  if (leaf.names === '') {
    return `The certificate of ${peer.name} does not name ${host}: it has no subject alternative names, only "${leaf.subject}".`;
  }
  return `The certificate of ${peer.name} does not name ${host}. Connect by a name it has: ${leaf.names}.`;
};

/** By OpenSSL's X509_V_ERR_ names, as Node shortens them. */
const explanations: Readonly<Record<string, Explanation>> = {
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: notYetValid,
  DEPTH_ZERO_SELF_SIGNED_CERT: (peer, _chain, leaf) =>
    // OpenSSL takes every certificate for self-signed that names its own subject as the issuer.
    leaf.isSelfSigned === false
      ? `The certificate of ${peer.name} and that of its CA have the same subject, "${leaf.subject}", so it counts as self-signed. Give one of them another common name (CN).`
      : `The certificate of ${peer.name} ("${leaf.subject}") is self-signed and not trusted. To trust it, give it as --cafile.`,
  SELF_SIGNED_CERT_IN_CHAIN: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  CERT_SIGNATURE_FAILURE: (peer, _chain, leaf) =>
    `The certificate of ${peer.name} has a false signature: the trusted CA named "${leaf.issuer}" did not make it.`,
  INVALID_PURPOSE: (peer) => `The certificate of ${peer.name} is not meant for servers.`,
  ERR_TLS_CERT_ALTNAME_INVALID: wrongName,
};

/**
 * Why the peer's certificate is not accepted.
 * @param chain the certificates the peer sent, its own first
 */
export function certificateError(code: string, chain: readonly CertificateFacts[], peer: TlsPeer): TmqError {
  const [leaf] = chain;
  const explanation = explanations[code];
  const message =
    explanation === undefined || leaf === undefined
      ? `The certificate of ${peer.name} is not accepted (${harmless(code)}).`
      : explanation(peer, chain, leaf);
  return tlsError(message);
}

function ours({certificateFile, keyFile}: TlsOptions): string {
  return certificateFile ?? keyFile ?? 'we have none to show: give one with --cert and --key';
}

/** What the peer does, after its name; `own` names the client's certificate. */
type Alert = (options: TlsOptions, own: string, host: string) => string;

/** By the end of OpenSSL's reason, which keeps its name from release to release: the first that fits. */
const alerts: readonly (readonly [reason: RegExp, predicate: Alert])[] = [
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_OVERFLOW|WRONG_SSL_VERSION/,
    () => 'does not speak TLS: it answered in plain text. Is this its TLS port?',
  ],
  [/CERTIFICATE_REQUIRED/, () => 'wants a client certificate. Give one with --cert and --key.'],
  [/ALERT_UNKNOWN_CA/, (_, own) => `does not trust the issuer of the client certificate (${own}).`],
  [/ALERT_CERTIFICATE_EXPIRED/, (_, own) => `says that the client certificate has expired (${own}).`],
  [/ALERT_CERTIFICATE_REVOKED/, (_, own) => `says that the client certificate is revoked (${own}).`],
  [
    /ALERT_(BAD|UNSUPPORTED)_CERTIFICATE|ALERT_CERTIFICATE_UNKNOWN/,
    (_, own) => `refused the client certificate (${own}).`,
  ],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE/,
    ({minimumVersion = 'TLSv1.2'}) =>
      `and tmq have no TLS version in common: ${minimumVersion} or later is asked for (--tls-version).`,
  ],
  [
    /NO_APPLICATION_PROTOCOL/,
    ({alpn = ''}) => `does not speak the protocol "${alpn}" asked for with --tls-alpn.`,
  ],
  [
    /UNKNOWN_PSK_IDENTITY|PSK_IDENTITY_NOT_FOUND/,
    ({psk}) => `does not know the pre-shared key identity "${psk?.identity ?? ''}".`,
  ],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    ({psk}) =>
      psk === undefined
        ? 'broke the TLS handshake off: it may want a client certificate (--cert, --key) or other ciphers (--ciphers).'
        : 'broke the TLS handshake off: it may not offer pre-shared keys on this port.',
  ],
  [/UNRECOGNIZED_NAME/, (_, _own, host) => `does not know the host name ${host} (SNI).`],
];

/** The key itself is wrong: the first encrypted record shows it [RFC 4279, 2]. */
const wrongKey = /DECRYPT|BAD_RECORD_MAC|BAD_PSK/;

function noCipher({ciphers}: TlsOptions): string {
  return `No usable cipher in the list "${ciphers ?? 'PSK'}" (--ciphers).`;
}

/** OpenSSL: "C0…:error:0A000438:SSL routines:ssl3_read_bytes:tlsv1 alert internal error:../file.c:1:" */
function detailOf(error: unknown): string {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: unknown};
  const fields = String(message).split(':');
  const routine = fields.findIndex((field) => field.endsWith(' routines'));
  return harmless((routine === -1 ? undefined : fields[routine + 2]) ?? String(code ?? message));
}

/** Why OpenSSL does not take what the options say, before any connection is made. */
export function contextError(error: unknown, options: TlsOptions): TmqError {
  const reason = codeOf(error);
  let message = `OpenSSL does not accept these TLS options (${detailOf(error)}).`;
  if (/NO_CIPHER_MATCH/.test(reason)) message = noCipher(options);
  else if (/TOO_SMALL|TOO_WEAK/.test(reason)) {
    message = `The client certificate ${ours(options)} is too weak for OpenSSL (${detailOf(error)}). Get one with a stronger key.`;
  }
  return tlsError(message, error);
}

/** Whether the error speaks of TLS: OpenSSL's reasons and Node's own checks. */
export function isTlsError(error: unknown): boolean {
  return /^ERR_(SSL|TLS|OSSL|CRYPTO)_/.test(codeOf(error));
}

/** Why the handshake failed, or what alert came after it; anything that is no TLS error passes through. */
export function handshakeError(error: unknown, {name, host = '', options}: TlsPeer): unknown {
  const reason = codeOf(error);
  const {psk} = options;
  if (error instanceof ClosedEarly || reason === 'ECONNRESET' || reason === 'EPIPE') {
    const hint =
      psk === undefined
        ? 'Is this its TLS port, and does it want a client certificate?'
        : `Is this its port for pre-shared keys, and does it know the identity "${psk.identity}"?`;
    return tlsError(`${name} closed the connection during the TLS handshake. ${hint}`, error);
  }
  if (!isTlsError(error)) return error;
  if (psk !== undefined && wrongKey.test(reason)) {
    return tlsError(`${name} refused the pre-shared key of "${psk.identity}": is it the right one?`, error);
  }
  if (/NO_CIPHERS_AVAILABLE/.test(reason)) return tlsError(noCipher(options), error);
  const alert = alerts.find(([pattern]) => pattern.test(reason))?.[1];
  const sentence =
    alert === undefined
      ? `The TLS connection with ${name} failed (${detailOf(error)}).`
      : `${name} ${alert(options, ours(options), host)}`;
  return tlsError(sentence, error);
}
