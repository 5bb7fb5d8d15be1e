/** Bytes that are no request, or one that HTTP libraries do not send. */
import type { Dice } from './dice.ts';

export function rawRequests(dice: Dice): readonly Buffer[] {
  const path = '/api/v1/namespaces/fuzz/configmaps';
  const texts = [
    'GET\r\n\r\n',
    `GET ${path} HTTP/9.9\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nHost: a\r\n${'X-Flood: y\r\n'.repeat(3_000)}\r\n`,
    `GET ${path} HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    `GET ${path}/${'x'.repeat(60_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n{}`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"half":`,
    `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
    `GET ${path}?watch=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    'GET /api/v1/namespaces/fuzz/pods/fuzz-a/exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
    `GET ${path} HTTP/1.1\r\nHost: a\r\n Folded: x\r\nX\u0000Y: z\r\n\r\n`,
  ];
  return [...texts.map((text) => Buffer.from(text, 'latin1')), dice.bytes(200)];
}
