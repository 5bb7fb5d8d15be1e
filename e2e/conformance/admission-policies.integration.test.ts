import { useTarget } from './target.ts';
import { startWebhookServer, type WebhookServer } from './webhook-server.ts';

const target = useTarget();
const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

let made: string[] = [];
let count = 0;
afterEach(async () => {
  for (const path of made) await target.admin.delete(path);
  made = [];
});

interface Policy {
  readonly spec: object;
  readonly binding?: object;
}

/** A policy for a namespace of its own, in force when this returns. */
async function policy(kind: 'validating' | 'mutating', { spec, binding = {} }: Policy) {
  const namespace = await target.newNamespace();
  const name = `p${count++}.${namespace}`;
  const matchConstraints = {
    resourceRules: [configMaps],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  };
  await target.admin.made(`${group}/${kind}admissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints, ...spec },
  });
  made.push(`${group}/${kind}admissionpolicies/${name}`);
  const actions = kind === 'validating' ? { validationActions: ['Deny'] } : {};
  await target.admin.made(`${group}/${kind}admissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, ...actions, ...binding },
  });
  made.push(`${group}/${kind}admissionpolicybindings/${name}`);
  const path = `/api/v1/namespaces/${namespace}`;
  return {
    namespace,
    name,
    path,
    create: (data: object, more: object = {}) =>
      target.admin.post(`${path}/configmaps`, { metadata: { generateName: 'x-', ...more }, data }),
  };
}

const short = { expression: 'object.data.size() < 2' };

describe('a validating admission policy', () => {
  it('refuses what does not fulfil its expressions, and says which', async () => {
    const { create, name, path } = await policy('validating', { spec: { validations: [short] } });
    expect((await create({ a: '1' })).code).toBe(201);
    const reply = await target.admin.post(`${path}/configmaps`, { metadata: { name: 'x' }, data: { a: '1', b: '2' } });
    const text = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: failed expression: object.data.size() < 2`;
    expect([reply.code, reply.body.reason, reply.body.message]).toEqual([
      422,
      'Invalid',
      `configmaps "x" is forbidden: ${text}`,
    ]);
    expect(reply.body.details).toEqual({ name: 'x', kind: 'configmaps', causes: [{ message: text }] });
  });

  it('uses its own words and reason', async () => {
    const { create } = await policy('validating', {
      spec: {
        variables: [
          { name: 'size', expression: 'object.data.size()' },
          { name: 'most', expression: 'variables.size > 3 ? 3 : 1' },
        ],
        validations: [
          {
            expression: 'variables.size <= variables.most',
            message: 'too much',
            messageExpression: "'at most ' + string(variables.most) + ' in ' + namespaceObject.metadata.name",
            reason: 'Forbidden',
          },
        ],
      },
    });
    const reply = await create({ a: '1', b: '2' });
    expect([reply.code, reply.body.reason]).toEqual([403, 'Forbidden']);
    expect(reply.body.message).toMatch(/denied request: at most 1 in conformance-/);
  });

  it('compares with what was there, and knows who asks for what', async () => {
    const { path, name } = await policy('validating', {
      spec: {
        validations: [
          { expression: "request.operation == 'CREATE' || object.data.a == oldObject.data.a", message: 'a stays' },
          {
            expression:
              "'system:authenticated' in request.userInfo.groups && request.resource.resource == 'configmaps'",
          },
        ],
      },
    });
    await target.admin.made(`${path}/configmaps`, { metadata: { name: 'x' }, data: { a: '1' } });
    expect((await target.admin.merge(`${path}/configmaps/x`, { data: { b: '1' } })).code).toBe(200);
    expect((await target.admin.merge(`${path}/configmaps/x`, { data: { a: '2' } })).body.message).toBe(
      `configmaps "x" is forbidden: ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: a stays`,
    );
  });

  it('asks the authorizer', async () => {
    const { create } = await policy('validating', {
      spec: {
        validations: [
          { expression: "authorizer.group('').resource('secrets').namespace('x').check('delete').allowed()" },
          { expression: "!authorizer.serviceAccount('x', 'y').group('').resource('secrets').check('get').allowed()" },
          {
            expression:
              "authorizer.requestResource.check('create').allowed() && authorizer.path('/any').check('get').allowed()",
          },
        ],
      },
    });
    expect((await create({})).code).toBe(201);
  });

  it('warns only, when its binding says so', async () => {
    const { create, name } = await policy('validating', {
      spec: { validations: [short] },
      binding: { validationActions: ['Warn', 'Audit'] },
    });
    const reply = await create({ a: '1', b: '2' });
    expect([reply.code, reply.warnings]).toEqual([
      201,
      [
        `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}': failed expression: object.data.size() < 2`,
      ],
    ]);
  });

  it('is asked where its conditions and the selectors of its binding hold', async () => {
    const { create } = await policy('validating', {
      spec: {
        validations: [short],
        matchConditions: [{ name: 'unless-free', expression: "!('free' in object.data)" }],
      },
      binding: { matchResources: { objectSelector: { matchLabels: { strict: 'yes' } } } },
    });
    const labels = { strict: 'yes' };
    expect((await create({ a: '1', b: '2' })).code).toBe(201);
    expect((await create({ a: '1', b: '2' }, { labels })).code).toBe(422);
    expect((await create({ a: '1', free: '2' }, { labels })).code).toBe(201);
  });

  it('fails as its failure policy says', async () => {
    const validations = [{ expression: 'object.data.missing == "x"' }];
    const strict = await policy('validating', { spec: { validations } });
    const reply = await strict.create({ a: '1' });
    expect(reply.body.message).toContain(
      `denied request: expression 'object.data.missing == "x"' resulted in error: no such key: missing`,
    );
    const lenient = await policy('validating', { spec: { validations, failurePolicy: 'Ignore' } });
    expect((await lenient.create({ a: '1' })).code).toBe(201);
  });

  it('may not keep the server busy', async () => {
    const loop = 'object.data.all(a, object.data.all(b, object.data.all(c, object.data.all(d, a + b + c + d != ""))))';
    const { create } = await policy('validating', { spec: { validations: [{ expression: loop }] } });
    const data = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i}`, 'v']));
    const reply = await create(data);
    expect(reply.body.message).toContain('resulted in error: operation cancelled: actual cost limit exceeded');
  });

  it('is measured by the objects that its binding names', async () => {
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'object.data.size() <= int(params.data.most)' }],
      matchConditions: [{ name: 'not-itself', expression: "request.name != 'limits'" }],
    };
    const { create, path } = await policy('validating', {
      spec,
      binding: { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
    });
    expect((await create({ a: '1' })).body.message).toContain(
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
    const lenient = await policy('validating', {
      spec,
      binding: { paramRef: { name: 'limits', parameterNotFoundAction: 'Allow' } },
    });
    expect((await lenient.create({ a: '1' })).code).toBe(201);
    await target.admin.made(`${lenient.path}/configmaps`, { metadata: { name: 'limits' }, data: { most: '1' } });
    expect((await lenient.create({ a: '1' })).code).toBe(201);
    expect((await lenient.create({ a: '1', b: '2' })).code).toBe(422);
    expect(path).not.toBe(lenient.path);
  });
});

describe('a mutating admission policy', () => {
  it('merges a configuration into the object', async () => {
    const { create } = await policy('mutating', {
      spec: {
        reinvocationPolicy: 'Never',
        failurePolicy: 'Fail',
        variables: [{ name: 'team', expression: "object.metadata.?labels['team'].orValue('nobody')" }],
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: {
              expression:
                'Object{metadata: Object.metadata{labels: {"owner": variables.team}}, data: {"n": string(object.data.size())}}',
            },
          },
          {
            patchType: 'JSONPatch',
            jsonPatch: {
              expression:
                '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/seen"), value: object.data.n}]',
            },
          },
        ],
      },
    });
    const { code, body } = await create({ a: '1' }, { labels: { team: 'red' } });
    expect([code, body.data, body.metadata.labels]).toEqual([
      201,
      { a: '1', n: '1' },
      { team: 'red', owner: 'red', 'example.com/seen': '1' },
    ]);
  });

  it('refuses or lets be what it cannot change, as its failure policy says', async () => {
    const spec = {
      reinvocationPolicy: 'Never',
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: { expression: '[JSONPatch{op: "test", path: "/data/a", value: "other"}]' },
        },
      ],
    };
    const strict = await policy('mutating', { spec });
    const refused = await strict.create({ a: '1' });
    expect([refused.code, refused.body.message]).toEqual([
      422,
      expect.stringContaining(
        `MutatingAdmissionPolicy '${strict.name}' with binding '${strict.name}' denied request: `,
      ),
    ]);
    const lenient = await policy('mutating', { spec: { ...spec, failurePolicy: 'Ignore' } });
    expect((await lenient.create({ a: '1' })).code).toBe(201);
  });
});

describe('an expression that is none', () => {
  it('is refused with the policy', async () => {
    const spec = {
      matchConstraints: { resourceRules: [configMaps] },
      validations: [{ expression: 'object.data ==' }, { expression: '1 + 1' }],
    };
    const reply = await target.admin.post(`${group}/validatingadmissionpolicies`, {
      metadata: { name: 'broken' },
      spec,
    });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toMatch(
      /spec\.validations\[0\]\.expression: Invalid value: "object\.data ==": compilation failed: ERROR: <input>:1:/,
    );
    expect(reply.body.message).toMatch(
      /spec\.validations\[1\]\.expression: Invalid value: "1 \+ 1": compilation failed: must evaluate to bool/,
    );
  });
});

describe('match conditions of a webhook', () => {
  let server: WebhookServer;
  beforeAll(async () => {
    server = await startWebhookServer([]);
  });
  afterAll(() => server.close());

  it('say which writes it is asked about', async () => {
    const namespace = await target.newNamespace();
    server.on('conditions', () => ({ allowed: false }));
    const name = `conditions-${namespace}`;
    await target.admin.made(`${group}/validatingwebhookconfigurations`, {
      metadata: { name },
      webhooks: [
        {
          name: 'conditions.example.com',
          clientConfig: server.clientConfig('conditions'),
          rules: [configMaps],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          matchConditions: [
            { name: 'marked', expression: "object.metadata.?labels['asked'].orValue('') == 'yes'" },
            { name: 'not-free', expression: 'object.data.free != "yes"' },
          ],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    });
    made.push(`${group}/validatingwebhookconfigurations/${name}`);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const create = (data: object, labels: object) =>
      target.admin.post(path, { metadata: { generateName: 'x-', labels }, data });
    expect((await create({}, {})).code).toBe(201);
    expect((await create({ free: 'yes' }, { asked: 'yes' })).code).toBe(201);
    expect((await create({ free: 'no' }, { asked: 'yes' })).code).toBe(400);
    const broken = await create({}, { asked: 'yes' });
    expect([broken.code, broken.body.message]).toEqual([
      500,
      expect.stringContaining('failed calling webhook "conditions.example.com": match conditions: expression'),
    ]);
  });
});
