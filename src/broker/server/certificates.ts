/**
 * `--tls auto`: makes a private certificate authority, a server and a client certificate for tests. Writes the
 * X.509 structures [RFC 5280] as DER [X.690]: Node.js signs, but builds no certificates. The authority's key is
 * discarded, so that no further certificate can be signed with it.
 */

import {createHash, generateKeyPairSync, type KeyObject, randomBytes, sign} from 'node:crypto';
import {chmod, mkdir, writeFile} from 'node:fs/promises';
import {isIP} from 'node:net';
import {join, resolve} from 'node:path';
import {codeOf, fileError} from '../../errors.ts';

/** PEM texts. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** The authority and what it signed. */
export interface TestCertificates {
  /** The authority's certificate: what clients give as --cafile. */
  readonly authority: string;
  readonly server: CertifiedKey;
  readonly client: CertifiedKey;
}

/** The paths of the PEM files. */
export interface CertificateFiles {
  readonly directory: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

const day = 86_400_000;
const validDays = 365;

/** One DER element: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 128) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.from(body.length.toString(16).padStart(4, '0'), 'hex');
  const trimmed = length[0] === 0 ? length.subarray(1) : length;
  return Buffer.concat([Buffer.of(tag, 0x80 | trimmed.length), trimmed, body]);
}

const sequence = (...content: readonly Uint8Array[]) => der(0x30, ...content);
const octets = (content: Uint8Array) => der(0x04, content);
const integer = (content: Uint8Array) => der(0x02, content);
const bits = (content: Uint8Array, unused = 0) => der(0x03, Buffer.of(unused), content);
const tagged = (number: number, ...content: readonly Uint8Array[]) => der(0xa0 | number, ...content);
const bool = (value: boolean) => der(0x01, Buffer.of(value ? 0xff : 0));

/** '2.5.29.19' → OBJECT IDENTIFIER: the first two arcs share an octet, each arc in base 128. */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octetsOf = (arc: number): number[] => {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  };
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(octetsOf)]));
}

/** UTCTime until 2049, GeneralizedTime from 2050 on [RFC 5280, 4.1.2.5]. */
function time(milliseconds: number): Buffer {
  const text = `${new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

/** A name of one common name. */
const name = (commonName: string) =>
  sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));

const extension = (id: string, critical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value));

/** dNSName or iPAddress [RFC 5280, 4.2.1.6]. */
function alternativeName(host: string): Buffer {
  const version = isIP(host);
  if (version === 0) return der(0x82, Buffer.from(host));
  if (version === 4) return der(0x87, Buffer.from(host.split('.').map(Number)));
  return der(0x87, addressOctets(host));
}

/** An IPv6 address without embedded IPv4 part as its 16 octets. */
function addressOctets(address: string): Buffer {
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

function pem(label: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

interface Entity {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function entity(commonName: string): Entity {
  return {name: commonName, ...generateKeyPairSync('ec', {namedCurve: 'prime256v1'})};
}

const publicKeyInfo = (key: KeyObject) => key.export({type: 'spki', format: 'der'});

/** SHA-1 of the public key info: the usual choice, any hash is allowed [RFC 5280, 4.2.1.2]. */
const keyIdentifier = (key: KeyObject) => createHash('sha1').update(publicKeyInfo(key)).digest();

/** A certificate for the subject's key, signed by the issuer, as PEM. */
function certify(subject: Entity, issuer: Entity, extensions: readonly Uint8Array[], now: number): string {
  // Positive and unique [RFC 5280, 4.1.2.2].
  const serial = Buffer.concat([Buffer.of(0x01), randomBytes(15)]);
  const toBeSigned = sequence(
    tagged(0, integer(Buffer.of(2))),
    integer(serial),
    ecdsaWithSha256,
    name(issuer.name),
    sequence(time(now - day), time(now + validDays * day)),
    name(subject.name),
    publicKeyInfo(subject.publicKey),
    tagged(
      3,
      sequence(
        ...extensions,
        extension('2.5.29.14', false, octets(keyIdentifier(subject.publicKey))),
        extension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(issuer.publicKey)))),
      ),
    ),
  );
  const signature = sign('sha256', toBeSigned, issuer.privateKey);
  return pem('CERTIFICATE', sequence(toBeSigned, ecdsaWithSha256, bits(signature)));
}

/** basicConstraints and keyUsage of an authority that may sign end entity certificates only. */
const authorityExtensions = [
  extension('2.5.29.19', true, sequence(bool(true), integer(Buffer.of(0)))),
  extension('2.5.29.15', true, bits(Buffer.of(0b0000_0110), 1)),
];

/** The same of an end entity: digitalSignature, and one purpose. */
const leafExtensions = (purpose: string) => [
  extension('2.5.29.19', true, sequence()),
  extension('2.5.29.15', true, bits(Buffer.of(0b1000_0000), 7)),
  extension('2.5.29.37', false, sequence(oid(purpose))),
];

const serverAuthentication = '1.3.6.1.5.5.7.3.1';
const clientAuthentication = '1.3.6.1.5.5.7.3.2';

/**
 * An authority, a server certificate for these host names and addresses, and a client certificate whose
 * common name is `clientName`; EC P-256, valid from yesterday for a year. `now` in milliseconds.
 */
export function makeCertificates(
  hosts: readonly string[],
  now: number,
  clientName = 'tmq client',
): TestCertificates {
  const authority = entity(`tmq test authority ${randomBytes(4).toString('hex')}`);
  const server = entity(hosts[0] ?? 'localhost');
  const client = entity(clientName);
  const alternatives = extension('2.5.29.17', false, sequence(...hosts.map(alternativeName)));
  const keyOf = ({privateKey}: Entity) => privateKey.export({type: 'pkcs8', format: 'pem'}) as string;
  return {
    authority: certify(authority, authority, authorityExtensions, now),
    server: {
      certificate: certify(server, authority, [...leafExtensions(serverAuthentication), alternatives], now),
      key: keyOf(server),
    },
    client: {
      certificate: certify(client, authority, leafExtensions(clientAuthentication), now),
      key: keyOf(client),
    },
  };
}

/**
 * Writes the certificates as PEM files with mode 600, and creates the directory if needed.
 * @throws TmqError when the directory cannot be written to
 */
export async function writeCertificates(
  directory: string,
  certificates: TestCertificates,
): Promise<CertificateFiles> {
  const at = (file: string) => join(resolve(directory), file);
  const files = {
    directory: resolve(directory),
    caFile: at('ca.crt'),
    certFile: at('server.crt'),
    keyFile: at('server.key'),
    clientCertFile: at('client.crt'),
    clientKeyFile: at('client.key'),
  };
  const {authority, server, client} = certificates;
  const contents: readonly (readonly [path: string, text: string])[] = [
    [files.caFile, authority],
    [files.certFile, server.certificate],
    [files.keyFile, server.key],
    [files.clientCertFile, client.certificate],
    [files.clientKeyFile, client.key],
  ];
  try {
    await mkdir(directory, {recursive: true, mode: 0o700});
    for (const [path, text] of contents) {
      await writeFile(path, text, {mode: 0o600});
      await chmod(path, 0o600);
    }
  } catch (error) {
    // What makes a directory does not say that a file is in its way.
    const cause = codeOf(error) === 'EEXIST' ? {code: 'ENOTDIR'} : error;
    throw fileError('certificate directory', directory, cause, 'write to');
  }
  return files;
}
