/** Signature Version 4 against the examples that AWS publishes, and the URL for AWS IoT Core. */

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import {presignedQuery, signatureOf, signingKey} from '../../../../src/client/credentials/aws-sigv4.ts';

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const empty = createHash('sha256').update('').digest('hex');

test('the signing key is that of the documentation', () => {
  const scope = {region: 'us-east-1', service: 'iam', time: '20150830T123600Z'};
  assert.equal(
    signingKey(secret, scope).toString('hex'),
    'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9',
  );
});

test('the request of the documentation, ListUsers of IAM, has its signature', () => {
  const request = [
    ...['GET', '/', 'Action=ListUsers&Version=2010-05-08'],
    'content-type:application/x-www-form-urlencoded; charset=utf-8',
    ...['host:iam.amazonaws.com', 'x-amz-date:20150830T123600Z', '', 'content-type;host;x-amz-date', empty],
  ].join('\n');
  assert.equal(
    signatureOf(request, secret, {region: 'us-east-1', service: 'iam', time: '20150830T123600Z'}),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('get-vanilla of the test suite has its signature', () => {
  const request = [
    ...['GET', '/', '', 'host:example.amazonaws.com', 'x-amz-date:20150830T123600Z', ''],
    ...['host;x-amz-date', empty],
  ].join('\n');
  assert.equal(
    signatureOf(request, secret, {region: 'us-east-1', service: 'service', time: '20150830T123600Z'}),
    '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  );
});

test('the presigned URL of the documentation of S3 has its signature', () => {
  const query =
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host';
  const host = 'host:examplebucket.s3.amazonaws.com';
  const request = ['GET', '/test.txt', query, host, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  assert.equal(
    signatureOf(request, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', {
      region: 'us-east-1',
      service: 's3',
      time: '20130524T000000Z',
    }),
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

test('the query for AWS IoT signs the host, and has the session token behind the signature', () => {
  const keys = {accessKeyId: 'AKIDEXAMPLE', secretAccessKey: secret};
  const host = 'x-ats.iot.eu-central-1.amazonaws.com';
  const region = 'eu-central-1';
  const date = new Date('2015-08-30T12:36:00.789Z');
  const query = presignedQuery({host, port: 443}, {region, keys}, date);
  const [signed = '', signature] = query.split('&X-Amz-Signature=');
  assert.equal(
    signed,
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-central-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host',
  );
  const scope = {region, service: 'iotdevicegateway', time: '20150830T123600Z'};
  const canonical = (authority: string) =>
    ['GET', '/mqtt', signed, `host:${authority}`, '', 'host', empty].join('\n');
  assert.equal(signature, signatureOf(canonical(host), secret, scope));
  assert.equal(
    presignedQuery({host, port: 8443}, {region, keys}, date).split('&X-Amz-Signature=')[1],
    signatureOf(canonical(`${host}:8443`), secret, scope),
    'the port is part of the header Host unless it is 443',
  );
  assert.equal(
    presignedQuery({host, port: 443}, {region, keys: {...keys, sessionToken: 'a/b+c='}}, date),
    `${query}&X-Amz-Security-Token=a%2Fb%2Bc%3D`,
  );
});
