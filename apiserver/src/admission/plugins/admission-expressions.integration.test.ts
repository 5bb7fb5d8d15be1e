import { startTestServer, type TestServer } from '../../testing/start-test-server.ts';

const rule = { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] };

describe('expressions without end', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  const policy = async (spec: object) => {
    const body = { metadata: { name: 'large' }, spec: { matchConstraints: { resourceRules: [rule] }, ...spec } };
    const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
    const { status, text } = await server.fetch(path, { method: 'POST', body });
    return [status, JSON.parse(text).message as string];
  };
  const many = <T>(length: number, make: (i: number) => T) => Array.from({ length }, (_, i) => make(i));

  it('are not compiled: by their number', async () => {
    const validations = many(1_001, (i) => ({ expression: `object.spec.replicas > ${i}` }));
    expect(await policy({ validations })).toEqual([
      422,
      expect.stringContaining('spec: Too many: 1001: must have at most 1000 items'),
    ]);
    const variables = many(1_001, (i) => ({ name: `v${i}`, expression: '1' }));
    expect((await policy({ variables, validations: [{ expression: 'true' }] }))[0]).toBe(422);
  });

  it('are not compiled: by their length', async () => {
    const validations = many(3, () => ({ expression: `"${'x'.repeat(50_000)}" != ""` }));
    expect(await policy({ validations })).toEqual([422, expect.stringContaining('spec: Too long')]);
  });

  it('are not compiled: by the rules of a definition', async () => {
    const rules = many(2_501, (i) => ({ rule: `self.a > ${i}` }));
    const spec = { type: 'object', properties: { a: { type: 'integer' } }, 'x-kubernetes-validations': rules };
    const { status, text } = await server.fetch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      method: 'POST',
      body: {
        metadata: { name: 'as.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'as', kind: 'A' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
            },
          ],
        },
      },
    });
    expect([status, text]).toEqual([422, expect.stringContaining('must have at most 2500 items')]);
  });
});
