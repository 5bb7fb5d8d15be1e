/** Requests over every verb and media type, most of them wrong somewhere. */
import { encodeProtobuf } from '@slipway/api/protobuf/envelope';
import { kindCases, collectionOf, objectOf } from '../conformance/manifests.ts';
import type { Dice } from './dice.ts';
import { damaged, hostileKey, hostileText, hostileValue, type Json, mutated, textOf } from './values.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** Of all fuzzing clients together, so that what they make stays little. */
const names = ['a', 'b', 'c', 'd'];
const usual = ['GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'DELETE'];
const unusual = ['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'];

export function fuzzRequest(dice: Dice, namespace: string): FuzzRequest {
  const kind = dice.of(kindCases);
  const name = dice.chance(0.05) ? encodeURIComponent(hostileText(dice).slice(0, 300).toWellFormed()) : dice.of(names);
  const method = dice.of(dice.chance(0.03) ? unusual : usual);
  const collection = collectionOf(kind, namespace);
  // Whole collections of what everybody shares are not the fuzzer's to delete.
  const isOne = dice.chance({ DELETE: 1, PUT: 0.97, PATCH: 0.97, POST: 0.1 }[method] ?? 0.6);
  const subresource = dice.chance(0.2)
    ? `/${dice.of(['status', 'scale', 'finalize', 'binding', 'eviction', 'token', 'log', 'nothing', '__proto__'])}`
    : '';
  const path = isOne ? `${collection}/fuzz-${name}${subresource}` : collection;
  const object = objectOf(kind, `fuzz-${name}`) as unknown as Json;
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodyFor(method, object, dice);
  return {
    method,
    path: `${hostilePath(path, dice)}${queryFor(method, isOne, dice)}`,
    headers: { accept: acceptFor(dice), ...(body ? { 'content-type': body.contentType } : {}), ...oddHeaders(dice) },
    body: body?.bytes,
  };
}

function hostilePath(path: string, dice: Dice): string {
  if (!dice.chance(0.08)) return path;
  return dice.of([
    `${path}/`,
    `/${path}`,
    path.replace('v1', 'v9'),
    path.replace('/api', '/%61pi'),
    `${path}/%2e%2e/%2e%2e`,
    `${path}%zz`,
    `${path}/%00`,
    `${path}/${'x/'.repeat(200)}`,
    `/apis/__proto__/constructor/${dice.below(9)}`,
    `/openapi/v3/apis/${dice.of(['a', '__proto__', '..'])}/v1`,
    `/slipway/causes/${dice.of(['', 'a', '__proto__', '%00'])}`,
    dice.of([
      '/readyz/__proto__',
      '/metrics',
      '/openapi/v2',
      '/version',
      '/api',
      '/apis',
      '/apis/apps',
      '/healthz?exclude=x',
    ]),
  ]);
}

const protobuf = 'application/vnd.kubernetes.protobuf';
const shape = (name: string) => `;as=${name};g=meta.k8s.io;v=v1`;

function acceptFor(dice: Dice): string {
  return dice.of([
    'application/json',
    'application/json',
    'application/yaml',
    protobuf,
    `${protobuf},application/json`,
    `application/json${shape('Table')},application/json`,
    `application/json${shape('PartialObjectMetadata')}`,
    `${protobuf}${shape('PartialObjectMetadataList')},*/*;q=0.1`,
    'application/cbor',
    '*/*;q=nonsense',
    `${'application/x;q=0.1,'.repeat(300)}*/*`,
    ';;;===,,,',
  ]);
}

function oddHeaders(dice: Dice): Record<string, string> {
  if (!dice.chance(0.05)) return {};
  return dice.of<Record<string, string>>([
    { authorization: `Bearer ${'x.'.repeat(500)}` },
    { authorization: 'Basic !!!' },
    { 'impersonate-user': '__proto__' },
    { 'impersonate-group': 'system:masters' },
    { 'slipway-cause': '{"object":{"__proto__":1}}' },
    { 'if-none-match': '"x"', 'accept-encoding': 'gzip;q=0, br' },
    { 'user-agent': 'x'.repeat(5_000) },
    { 'x-flood': 'y'.repeat(30_000) },
  ]);
}

const versions = ['0', '1', '-1', '99999999999999999999', '9223372036854775807', 'new', ''];
const labelSelectors = (dice: Dice) => [
  'a=b',
  `${'a=b,'.repeat(800)}c`,
  `a in (${'x,'.repeat(2_000)}y)`,
  '((((((',
  '!'.repeat(1_000),
  'a in (',
  `x notin (${hostileText(dice).slice(0, 200)})`,
  `${hostileText(dice).slice(0, 500)}=x`,
  'a>999999999999999999999,a<-1',
];
const fieldSelectors = (dice: Dice) => [
  'metadata.name=a',
  '__proto__=x',
  'metadata.name=a\\',
  '='.repeat(500),
  `metadata.namespace!=${hostileText(dice).slice(0, 200)}`,
  'status.phase=Running,'.repeat(400),
];

function queryFor(method: string, isOne: boolean, dice: Dice): string {
  const query: [string, string][] = [];
  const maybe = (name: string, choices: readonly string[], chance = 0.15) => {
    if (dice.chance(chance)) query.push([name, dice.of(choices)]);
  };
  if (method === 'GET' && dice.chance(0.1))
    query.push(['watch', dice.of(['1', 'true', 'x', '0'])], ['timeoutSeconds', '1']);
  maybe('labelSelector', labelSelectors(dice));
  maybe('fieldSelector', fieldSelectors(dice));
  maybe('limit', ['1', '2', '-1', '99999999999', 'x', '1e3']);
  maybe('continue', ['x', '', continueToken(dice), `${'A'.repeat(3_000)}`]);
  maybe('resourceVersion', versions);
  maybe('resourceVersionMatch', ['Exact', 'NotOlderThan', '__proto__']);
  maybe('sendInitialEvents', ['true', 'false', 'maybe'], 0.05);
  maybe('allowWatchBookmarks', ['true'], 0.05);
  maybe('includeObject', ['None', 'Object', 'Everything'], 0.05);
  maybe('pretty', ['true', '1', 'x'], 0.05);
  if (method !== 'GET') {
    maybe('dryRun', ['All', 'Some', '']);
    maybe('fieldManager', ['fuzz', 'x'.repeat(200), '\u0000']);
    maybe('fieldValidation', ['Strict', 'Warn', 'Ignore', 'Never']);
    maybe('force', ['true', 'x'], 0.1);
    maybe('propagationPolicy', ['Foreground', 'Orphan', 'Background', 'No'], 0.1);
    maybe('gracePeriodSeconds', ['0', '-1', '99999999999999999999'], 0.1);
  }
  if (isOne && dice.chance(0.02)) query.push(['x'.repeat(4_000), 'y']);
  if (query.length === 0) return '';
  const text = query.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&');
  return `?${dice.chance(0.03) ? `${text}&%zz=%ff&=&&` : text}`;
}

function continueToken(dice: Dice): string {
  const start = dice.of(['', '..', 'a/../../b', '__proto__', 'x'.repeat(500)]);
  const token = { v: dice.of(['meta.k8s.io/v1', 'v9']), rv: dice.of([0, -1, 1, 1e300]), start };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

interface Body {
  readonly contentType: string;
  readonly bytes: Buffer;
}

function bodyFor(method: string, object: Json, dice: Dice): Body {
  const made = method === 'PATCH' ? patchFor(object, dice) : objectBody(method, object, dice);
  const bytes = dice.chance(0.2) ? damaged(made.bytes, dice) : made.bytes;
  const contentType = dice.chance(0.04)
    ? dice.of(['application/cbor', 'text/plain', '', 'x'.repeat(500)])
    : made.contentType;
  return { contentType, bytes };
}

function objectBody(method: string, object: Json, dice: Dice): Body {
  const options: Json = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid: 'x' } };
  const given = method === 'DELETE' ? options : object;
  const value = dice.chance(0.3) ? given : mutated(given, dice);
  switch (dice.below(4)) {
    case 0:
      return { contentType: protobuf, bytes: protobufOf(given, dice) };
    case 1:
      return { contentType: 'application/yaml', bytes: Buffer.from(dice.chance(0.5) ? textOf(value) : yamlBomb(dice)) };
    default:
      return { contentType: 'application/json', bytes: Buffer.from(textOf(value)) };
  }
}

function protobufOf(value: Json, dice: Dice): Buffer {
  const bytes = Buffer.from(encodeProtobuf(value as object));
  return dice.chance(0.7) ? damaged(bytes, dice) : bytes;
}

function yamlBomb(dice: Dice): string {
  return dice.of([
    `a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c,*c]\n`,
    `${'- '.repeat(2_000)}x`,
    `kind: ConfigMap\nmetadata: {name: fuzz-a}\ndata: {x: ${'!'.repeat(50)}}\n`,
    '&a a: *a\n<<: *a\n',
    `? ${'['.repeat(500)}\n`,
    '%YAML 9.9\n---\n...\n---\n',
    `a: "${'\\'.repeat(999)}"`,
  ]);
}

function patchFor(object: Json, dice: Dice): Body {
  switch (dice.below(4)) {
    case 0:
      return { contentType: 'application/json-patch+json', bytes: Buffer.from(textOf(jsonPatch(dice))) };
    case 1:
      return { contentType: 'application/merge-patch+json', bytes: Buffer.from(textOf(mutated(object, dice))) };
    case 2:
      return {
        contentType: 'application/strategic-merge-patch+json',
        bytes: Buffer.from(textOf(directives(object, dice))),
      };
    default:
      return { contentType: 'application/apply-patch+yaml', bytes: Buffer.from(textOf(mutated(object, dice))) };
  }
}

const pointers = [
  '',
  '/',
  '/metadata',
  '/metadata/labels',
  '/metadata/labels/a~1b',
  '/spec',
  '/__proto__/x',
  '/-',
  '/data/-1',
  '/spec/1e9',
  '~2',
];

function jsonPatch(dice: Dice): Json {
  if (dice.chance(0.05)) return Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: 1 }));
  if (dice.chance(0.1)) {
    // Each copy doubles what the next one copies.
    return Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/metadata', path: `/metadata/x${index}` }));
  }
  return Array.from({ length: dice.below(6) }, () => ({
    op: dice.of(['add', 'remove', 'replace', 'move', 'copy', 'test', 'nothing', '__proto__']),
    path: dice.of(pointers),
    ...(dice.chance(0.5) ? { from: dice.of(pointers) } : {}),
    ...(dice.chance(0.7) ? { value: hostileValue(dice) } : {}),
  }));
}

function directives(object: Json, dice: Dice): Json {
  const value = mutated(object, dice) as { [key: string]: Json };
  const directive = dice.of([
    '$patch',
    '$retainKeys',
    '$setElementOrder/containers',
    '$deleteFromPrimitiveList/finalizers',
    `$${hostileKey(dice)}`,
  ]);
  const places = [value, value.metadata, value.spec].filter((place) => typeof place === 'object' && place !== null);
  const place = dice.of(places) as { [key: string]: Json };
  place[directive] = dice.of<Json>(['delete', 'replace', 'merge', ['a', 1, null], { name: 'x' }, hostileValue(dice)]);
  return value;
}
