import { useTarget } from './target.ts';

const target = useTarget();
const group = '/apis/admissionregistration.k8s.io/v1';
const deployments = {
  resourceRules: [
    { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments', 'replicasets'] },
  ],
};

let made: string[] = [];
let count = 0;
afterEach(async () => {
  for (const path of made) await target.admin.delete(path);
  made = [];
});

/** Nothing binds it, so that it is in nobody's way. */
async function post(kind: 'validating' | 'mutating', spec: object) {
  const name = `types-${count++}.${target.namespace}`;
  const path = `${group}/${kind}admissionpolicies`;
  const reply = await target.admin.post(path, {
    metadata: { name },
    spec: { matchConstraints: deployments, ...spec },
  });
  if (reply.code === 201) made.push(`${path}/${name}`);
  return { reply, path: `${path}/${name}` };
}

async function typeChecked(path: string) {
  for (;;) {
    const { status, metadata } = (await target.admin.get(path)).body as unknown as {
      status?: { observedGeneration?: number; typeChecking?: object };
      metadata: { generation: number };
    };
    if (status?.observedGeneration === metadata.generation) return status.typeChecking;
  }
}

describe('type checking of a validating admission policy', () => {
  it('warns of fields that the kinds have not, and of types that do not fit', async () => {
    const { path } = await post('validating', {
      variables: [{ name: 'wanted', expression: 'object.spec.replicas' }],
      validations: [
        { expression: 'object.replicas > 1' },
        { expression: 'object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.image != "")' },
        { expression: 'variables.wanted == 1', messageExpression: "'not ' + object.spec.replicas" },
        { expression: 'object.spec.paused == true' },
      ],
    });
    const { expressionWarnings } = (await typeChecked(path)) as {
      expressionWarnings: { fieldRef: string; warning: string }[];
    };
    expect(expressionWarnings.map(({ fieldRef }) => fieldRef)).toEqual([
      'spec.validations[0].expression',
      'spec.validations[2].messageExpression',
      'spec.validations[3].expression',
    ]);
    expect(expressionWarnings[0]?.warning).toBe(
      [
        "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'",
        ' | object.replicas > 1',
        ' | ......^',
        '',
        "apps/v1, Kind=ReplicaSet: ERROR: <input>:1:7: undefined field 'replicas'",
        ' | object.replicas > 1',
        ' | ......^',
        '',
      ].join('\n'),
    );
    expect(expressionWarnings[1]?.warning).toContain("found no matching overload for '_+_' applied to '(string, int)'");
    expect(expressionWarnings[2]?.warning).toMatch(/^apps\/v1, Kind=ReplicaSet: .*undefined field 'paused'/);
  });

  it('says that it has looked when there is nothing to warn of', async () => {
    const { path } = await post('validating', { validations: [{ expression: 'object.spec.replicas > 1' }] });
    expect(await typeChecked(path)).toEqual({});
    await target.admin.patch(path, 'merge-patch+json', { spec: { validations: [{ expression: 'object.nope == 1' }] } });
    expect(await typeChecked(path)).toHaveProperty('expressionWarnings.0.fieldRef', 'spec.validations[0].expression');
  });

  it('knows the parameters by their kind', async () => {
    const { path } = await post('validating', {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'params.data.size() > 0' }, { expression: 'params.spec == null' }],
    });
    expect(await typeChecked(path)).toMatchObject({
      expressionWarnings: [{ fieldRef: 'spec.validations[1].expression' }],
    });
  });
});

describe('an expression that cannot be right', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    [
      'names a field that requests have not',
      { validations: [{ expression: 'request.verb == "CREATE"' }] },
      "compilation failed: ERROR: <input>:1:8: undefined field 'verb'",
    ],
    [
      'names a field that namespaces have not',
      { validations: [{ expression: 'namespaceObject.data == null' }] },
      "undefined field 'data'",
    ],
    [
      'uses parameters that the policy does not ask for',
      { validations: [{ expression: 'params == null' }] },
      "undeclared reference to 'params' (in container '')",
    ],
    [
      'uses a variable before it is defined',
      {
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
        validations: [{ expression: 'true' }],
      },
      "undefined field 'b'",
    ],
    [
      'uses variables in its match conditions',
      {
        variables: [{ name: 'a', expression: 'true' }],
        matchConditions: [{ name: 'x', expression: 'variables.a' }],
        validations: [{ expression: 'true' }],
      },
      "undeclared reference to 'variables' (in container '')",
    ],
    ['might be no bool', { validations: [{ expression: 'object.spec.paused' }] }, 'must evaluate to bool'],
    [
      'compares a variable with another type',
      { variables: [{ name: 'a', expression: '"x"' }], validations: [{ expression: 'variables.a == 1' }] },
      "found no matching overload for '_==_' applied to '(string, int)'",
    ],
    [
      'is no text, as an audit annotation has to be',
      { auditAnnotations: [{ key: 'x', valueExpression: '1 + 1' }] },
      'must evaluate to one of [string null_type]',
    ],
  ];
  it.each(cases)('is refused with the policy: it %s', async (_, spec, problem) => {
    const { reply } = await post('validating', spec);
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(problem);
  });

  const mutations: readonly (readonly [string, string, string])[] = [
    ['ApplyConfiguration', '{"spec": {"replicas": 1}}', 'must evaluate to Object'],
    ['ApplyConfiguration', 'Object{spec: Object.wrong{replicas: 1}}', 'unexpected type name "Object.wrong"'],
    ['JSONPatch', '[JSONPatch{op: "add", paths: "/a"}]', "undefined field 'paths'"],
    ['JSONPatch', '[JSONPatch{op: 1}]', "expected type of field 'op' is 'string' but provided type is 'int'"],
    ['JSONPatch', '[Elsewhere{op: "add"}]', "undeclared reference to 'Elsewhere' (in container '')"],
  ];
  it.each(mutations)('is refused as a mutation by %s: %s', async (patchType, expression, problem) => {
    const field = patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration';
    const { reply } = await post('mutating', {
      reinvocationPolicy: 'Never',
      mutations: [{ patchType, [field]: { expression } }],
    });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(problem);
  });

  it.each([
    ['ApplyConfiguration', 'Object{spec: Object.spec{?replicas: object.spec.?replicas, paused: true}}'],
    ['ApplyConfiguration', "Object{metadata: Object.metadata{labels: {?'a': object.metadata.?name, 'b/c': 'd'}}}"],
    ['JSONPatch', '[JSONPatch{op: "add", path: "/spec/" + jsonpatch.escapeKey("a/b"), value: {"x": 1}}]'],
    ['JSONPatch', 'object.spec.replicas > 1 ? [JSONPatch{op: "remove", path: "/spec/paused"}] : []'],
  ])('is none of these mutations by %s: %s', async (patchType, expression) => {
    const field = patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration';
    const { reply } = await post('mutating', {
      reinvocationPolicy: 'Never',
      mutations: [{ patchType, [field]: { expression } }],
    });
    expect(reply.code).toBe(201);
  });
});

describe('the metrics of admission', () => {
  it('count steps, plugins, and what policies decided', async () => {
    const namespace = await target.newNamespace();
    const name = `counted-${count++}.${namespace}`;
    const resourceRules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    await target.admin.made(`${group}/validatingadmissionpolicies`, {
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules, namespaceSelector },
        matchConditions: [{ name: 'named', expression: 'object.metadata.name != "other"' }],
        validations: [{ expression: 'has(object.data)' }],
      },
    });
    made.push(`${group}/validatingadmissionpolicies/${name}`);
    await target.admin.made(`${group}/validatingadmissionpolicybindings`, {
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    });
    made.push(`${group}/validatingadmissionpolicybindings/${name}`);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    while ((await target.admin.post(path, { metadata: { generateName: 'x-' } })).code !== 422);
    await target.admin.post(path, { metadata: { name: 'other' } });
    const { text } = await target.admin.get('/metrics');
    const series = (metric: string, ...labels: string[]) =>
      text.split('\n').some((line) => line.startsWith(`${metric}{`) && labels.every((label) => line.includes(label)));
    const denied = [`policy="${name}"`, `policy_binding="${name}"`, 'enforcement_action="deny"'];
    expect(series('apiserver_validating_admission_policy_check_total', ...denied)).toBe(true);
    expect(series('apiserver_validating_admission_policy_check_duration_seconds_count', ...denied)).toBe(true);
    const step = ['operation="CREATE"', 'type="validate"', 'rejected="true"'];
    expect(series('apiserver_admission_step_admission_duration_seconds_count', ...step)).toBe(true);
    const plugin = ['name="ValidatingAdmissionPolicy"', ...step];
    expect(series('apiserver_admission_controller_admission_duration_seconds_count', ...plugin)).toBe(true);
    const condition = [`name="${name}"`, 'kind="policy"', 'type="validate"'];
    expect(series('apiserver_admission_match_condition_exclusions_total', ...condition)).toBe(true);
  });
});
