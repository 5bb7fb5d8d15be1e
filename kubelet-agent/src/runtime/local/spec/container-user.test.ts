import { resolveContainerUser } from './container-user.ts';

const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n\nbroken\n';
const group = 'root:x:0:\nstaff:x:50:app\nextra:x:60:other,app\n';
const resolve = (imageUser: string, securityContext = {}) =>
  resolveContainerUser({ securityContext, imageUser, passwd, group });

describe('resolveContainerUser', () => {
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [0] }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [1001, 50, 60] }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [1001, 50, 60] }],
    ['app:staff', { uid: 1000, gid: 50, additionalGids: [50, 60] }],
    ['2000:3000', { uid: 2000, gid: 3000, additionalGids: [3000] }],
    ['2000', { uid: 2000, gid: 0, additionalGids: [0] }],
  ])("takes the image's user %j", (user, expected) => {
    expect(resolve(user)).toEqual(expected);
  });

  it.each([
    ['app', { uid: 1000, gid: 1001 }],
    ['app:extra', { uid: 1000, gid: 60 }],
    ['7:staff', { uid: 7, gid: 50 }],
  ])('takes the user %j that the pod names as an image does', (runAsUsername, expected) => {
    expect(resolve('root:root', { runAsUsername })).toMatchObject(expected);
  });

  it('lets the pod decide, and then ignores the group of the image', () => {
    expect(resolve('app:staff', { runAsUser: 0 })).toMatchObject({ uid: 0, gid: 0 });
    expect(resolve('app', { runAsUser: 1000, runAsGroup: 7, supplementalGroups: [99] })).toEqual({
      uid: 1000,
      gid: 7,
      additionalGids: [7, 50, 60, 99],
    });
    expect(resolve('', { runAsUsername: 'app', supplementalGroupsPolicy: 'Strict', supplementalGroups: [9] })).toEqual({
      uid: 1000,
      gid: 1001,
      additionalGids: [1001, 9],
    });
  });

  it('names the user that is missing', () => {
    expect(() => resolve('nobody')).toThrow("no user nobody in the image's /etc/passwd");
    expect(() => resolve('app:nope')).toThrow("no group nope in the image's /etc/group");
  });
});
