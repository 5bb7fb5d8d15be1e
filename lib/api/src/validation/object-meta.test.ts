import type { LabelSelector, ObjectMeta } from '../types.ts';
import { type FieldError, fieldErrorText } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';
import { validateObjectMeta } from './object-meta.ts';
import { semanticEqual } from './semantic-equal.ts';

const namespaced = { resource: { group: '', namespaced: true } };
const texts = (metadata: ObjectMeta, rules = namespaced) => validateObjectMeta(metadata, rules).map(fieldErrorText);
const good: ObjectMeta = { name: 'web', namespace: 'default' };

describe('validateObjectMeta', () => {
  it('finds nothing wrong with what is right', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: '1', controller: true };
    const metadata: ObjectMeta = {
      ...good,
      generateName: 'web-',
      labels: { 'app.kubernetes.io/name': 'web', empty: '' },
      annotations: { 'Example.COM/Note': 'anything goes\n' },
      ownerReferences: [owner, { ...owner, controller: false }],
      finalizers: ['example.com/hold'],
    };
    expect(texts(metadata)).toEqual([]);
  });

  it.each<[string, ObjectMeta, string]>([
    ['no name', { namespace: 'a' }, 'metadata.name: Required value: name or generateName is required'],
    ['no namespace', { name: 'a' }, 'metadata.namespace: Required value'],
    [
      'a dotted namespace',
      { name: 'a', namespace: 'a.b' },
      'metadata.namespace: Invalid value: "a.b": must not contain dots',
    ],
    [
      'a label value that is too long',
      { ...good, labels: { a: 'x'.repeat(64) } },
      `metadata.labels: Invalid value: "${'x'.repeat(64)}": must be no more than 63 bytes`,
    ],
    [
      'a label key with two slashes',
      { ...good, labels: { '/a': '' } },
      'metadata.labels: Invalid value: "/a": prefix part must be non-empty',
    ],
    [
      'annotations beyond 256 KiB',
      { ...good, annotations: { a: 'é'.repeat(131072) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      'an owner without uid',
      { ...good, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'a', uid: '' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      'two finalizers that contradict',
      { ...good, finalizers: ['orphan', 'foregroundDeletion'] },
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
    [
      'a negative generation',
      { ...good, generation: -1 },
      'metadata.generation: Invalid value: -1: must be greater than or equal to 0',
    ],
  ])('refuses %s', (_what, metadata, text) => {
    expect(texts(metadata)).toEqual([text]);
  });

  it('refuses two controllers', () => {
    const owner = { apiVersion: 'v1', kind: 'A', name: 'a', uid: '1', controller: true };
    expect(texts({ ...good, ownerReferences: [owner, { ...owner, name: 'b' }] })[0]).toContain(
      'Only one reference can have Controller set to true. Found "true" in references for A/a and A/b',
    );
  });

  it('lets custom resources have plain finalizers', () => {
    const metadata = { ...good, finalizers: ['mine'] };
    expect(texts(metadata)).toEqual([
      'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ]);
    expect(texts(metadata, { resource: { group: 'ecs.slipway.dev', namespaced: true } })).toEqual([]);
  });

  it('knows cluster-scoped kinds', () => {
    expect(texts(good, { resource: { group: '', namespaced: false } })).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
  });
});

describe('validateLabelSelector', () => {
  it.each<[LabelSelector, string]>([
    [
      { matchExpressions: [{ key: 'a', operator: 'In' }] },
      "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
      "s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
    [
      { matchExpressions: [{ key: 'a', operator: 'Is' }] },
      's.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    ],
  ])('%j', (selector, text) => {
    const errors: FieldError[] = [];
    validateLabelSelector(errors, selector, 's');
    expect(errors.map(fieldErrorText)).toEqual([text]);
  });
});

describe('semanticEqual', () => {
  it.each([
    [{ a: 1 }, { a: 1, b: [] }, true],
    [{ a: '' }, {}, true],
    [{ a: 0 }, {}, false],
    [{ a: {} }, {}, false],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }, true],
    [[1], { 0: 1 }, false],
  ])('%j and %j: %p', (one, other, expected) => {
    expect(semanticEqual(one, other)).toBe(expected);
    expect(semanticEqual(other, one)).toBe(expected);
  });
});
