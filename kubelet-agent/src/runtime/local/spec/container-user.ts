import type { LinuxContainerSecurityContext } from '../../cri.ts';
import { RuntimeError } from '../../cri.ts';
import type { OciUser } from './oci-spec.ts';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface UserRequest {
  readonly securityContext: Pick<
    LinuxContainerSecurityContext,
    'runAsUser' | 'runAsGroup' | 'runAsUsername' | 'supplementalGroups' | 'supplementalGroupsPolicy'
  >;
  /** The image's USER: `user`, `uid`, `user:group`, ... or empty. */
  readonly imageUser: string;
  /** Texts of the image's /etc/passwd and /etc/group; empty when it has none. */
  readonly passwd: string;
  readonly group: string;
}

/** Who the first process is. Throws `invalidArgument` for a name that the image does not know. */
export function resolveContainerUser(request: UserRequest): OciUser {
  const { securityContext } = request;
  const chosen = securityContext.runAsUser?.toString() ?? securityContext.runAsUsername ?? request.imageUser;
  const [user = '', group = ''] = chosen.split(':');
  const entry = findUser(parsePasswd(request.passwd), user || '0');
  const groups = parseGroup(request.group);
  const gid = securityContext.runAsGroup ?? (group ? findGroup(groups, group) : entry.gid);
  return { uid: entry.uid, gid, additionalGids: additionalGids(request, groups, entry.name, gid) };
}

function additionalGids(request: UserRequest, groups: readonly GroupEntry[], user: string, gid: number): number[] {
  const { supplementalGroups = [], supplementalGroupsPolicy = 'Merge' } = request.securityContext;
  const fromImage =
    supplementalGroupsPolicy === 'Strict' || user === ''
      ? []
      : groups.filter((group) => group.members.includes(user)).map((group) => group.gid);
  return [...new Set([gid, ...fromImage, ...supplementalGroups])];
}

const isNumber = (text: string) => /^\d+$/.test(text);

function findUser(entries: readonly PasswdEntry[], user: string): PasswdEntry {
  const byName = entries.find((entry) => entry.name === user);
  if (byName) return byName;
  if (!isNumber(user)) throw new RuntimeError('invalidArgument', `no user ${user} in the image's /etc/passwd`);
  const uid = Number(user);
  return entries.find((entry) => entry.uid === uid) ?? { name: '', uid, gid: 0 };
}

function findGroup(entries: readonly GroupEntry[], group: string): number {
  const byName = entries.find((entry) => entry.name === group);
  if (byName) return byName.gid;
  if (!isNumber(group)) throw new RuntimeError('invalidArgument', `no group ${group} in the image's /etc/group`);
  return Number(group);
}

function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text).flatMap(([name, , uid, gid]) =>
    name && uid && gid && isNumber(uid) && isNumber(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

function parseGroup(text: string): GroupEntry[] {
  return fieldsOf(text).flatMap(([name, , gid, members]) =>
    name && gid && isNumber(gid)
      ? [{ name, gid: Number(gid), members: (members ?? '').split(',').filter(Boolean) }]
      : [],
  );
}

const fieldsOf = (text: string) => text.split('\n').map((line) => line.trim().split(':'));
