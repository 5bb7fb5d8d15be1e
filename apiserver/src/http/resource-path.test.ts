import { parseResourcePath } from './resource-path.ts';

const none = { namespace: undefined, name: undefined, subresource: undefined, rest: '', isWatch: false };
const core = { ...none, group: '', version: 'v1' };

describe('parseResourcePath', () => {
  it.each([
    ['/api/v1/pods', { ...core, resource: 'pods' }],
    ['/api/v1/namespaces/a/pods', { ...core, resource: 'pods', namespace: 'a' }],
    ['/api/v1/namespaces/a/pods/', { ...core, resource: 'pods', namespace: 'a' }],
    ['/api/v1/namespaces/a/pods/b/log', { ...core, resource: 'pods', namespace: 'a', name: 'b', subresource: 'log' }],
    ['/api/v1/namespaces/a', { ...core, resource: 'namespaces', name: 'a' }],
    ['/api/v1/namespaces/a/finalize', { ...core, resource: 'namespaces', name: 'a', subresource: 'finalize' }],
    ['/api/v1/namespaces/status', { ...core, resource: 'namespaces', name: 'status' }],
    ['/api/v1/namespaces/status/pods', { ...core, resource: 'pods', namespace: 'status' }],
    [
      '/apis/apps/v1/namespaces/a/deployments/b/scale',
      { ...core, group: 'apps', resource: 'deployments', namespace: 'a', name: 'b', subresource: 'scale' },
    ],
    ['/api/v1/watch/pods', { ...core, resource: 'pods', isWatch: true }],
    [
      '/api/v1/namespaces/a/services/b/proxy/x/y',
      { ...core, resource: 'services', namespace: 'a', name: 'b', subresource: 'proxy', rest: 'x/y' },
    ],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      { ...core, group: 'rbac.authorization.k8s.io', resource: 'clusterroles', name: 'system:node' },
    ],
  ])('%s', (path, address) => {
    expect(parseResourcePath(path)).toEqual(address);
  });

  it.each([
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/healthz',
    '/api/v1/pods//x',
    '/api/v1/pods/%zz',
  ])('leaves %s to others', (path) => expect(parseResourcePath(path)).toBeUndefined());
});
