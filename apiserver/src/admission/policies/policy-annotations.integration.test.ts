import { startTestServer, type TestServer } from '../../testing/start-test-server.ts';

const group = '/apis/admissionregistration.k8s.io/v1';

describe('what a policy notes about a write', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  const post = async (path: string, body: object) => {
    const { status, text } = await server.fetch(path, { method: 'POST', body });
    if (status !== 201) throw new Error(text);
  };

  it('is kept beside the cause of the write', async () => {
    const configMaps = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
    await post(`${group}/validatingadmissionpolicies`, {
      metadata: { name: 'noting' },
      spec: {
        matchConstraints: { resourceRules: [configMaps] },
        validations: [{ expression: 'object.data.size() < 2', message: 'too much' }],
        auditAnnotations: [
          { key: 'size', valueExpression: '"has " + string(object.data.size())' },
          { key: 'never', valueExpression: 'null' },
        ],
      },
    });
    await post(`${group}/validatingadmissionpolicybindings`, {
      metadata: { name: 'noting' },
      spec: { policyName: 'noting', validationActions: ['Audit'] },
    });
    await post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'x' }, data: { a: '1', b: '2' } });
    const { body } = await server.fetch('/slipway/causes/api/v1/namespaces/default/configmaps/x');
    const { annotations } = (body as { created: { cause: { annotations: Record<string, string> } } }).created.cause;
    expect(annotations).toEqual({
      'noting/size': 'has 2',
      'validation.policy.admission.k8s.io/validation_failure': JSON.stringify([
        {
          message: 'too much',
          policy: 'noting',
          binding: 'noting',
          expressionIndex: 0,
          validationActions: ['Audit'],
        },
      ]),
    });
  });
});
