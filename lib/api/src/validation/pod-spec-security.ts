import { rangeMessage } from '../names.ts';
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from '../types.ts';
import { type FieldError, duplicate, invalid, notSupported, required, tooLong } from './field-error.ts';
import { validateDescendingPath } from './path.ts';
import type { PodScope } from './pod-spec-scope.ts';

const maxId = 0xffff_ffff;
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const groupPolicies = ['Merge', 'Strict'];
const changePolicies = ['Always', 'OnRootMismatch'];
const seLinuxPolicies = ['MountOption', 'Recursive'];
/** PATH_MAX without its end. */
const profilePathMax = 4095;

function validateId(errors: FieldError[], id: number | undefined, path: string): void {
  if (id !== undefined && (id < 0 || id > maxId)) errors.push(invalid(path, id, rangeMessage(0, maxId)));
}

function validateChoice(
  errors: FieldError[],
  value: string | undefined,
  choices: readonly string[],
  path: string,
): void {
  if (value !== undefined && !choices.includes(value)) errors.push(notSupported(path, value, choices));
}

export function validatePodSecurityContext(
  errors: FieldError[],
  context: PodSecurityContext,
  spec: PodSpec,
  path: string,
): void {
  validateId(errors, context.fsGroup, `${path}.fsGroup`);
  validateId(errors, context.runAsUser, `${path}.runAsUser`);
  validateId(errors, context.runAsGroup, `${path}.runAsGroup`);
  context.supplementalGroups?.forEach((id, i) => {
    validateId(errors, id, `${path}.supplementalGroups[${i}]`);
  });
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  if (context.sysctls) validateSysctls(errors, context.sysctls, spec, `${path}.sysctls`);
  validateChoice(errors, context.fsGroupChangePolicy, changePolicies, `${path}.fsGroupChangePolicy`);
  validateSeccomp(errors, context.seccompProfile, `${path}.seccompProfile`);
  validateAppArmor(errors, context.appArmorProfile, `${path}.appArmorProfile`);
  validateChoice(errors, context.supplementalGroupsPolicy, groupPolicies, `${path}.supplementalGroupsPolicy`);
  validateChoice(errors, context.seLinuxChangePolicy, seLinuxPolicies, `${path}.seLinuxChangePolicy`);
}

const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlFormat = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlShape = new RegExp(sysctlFormat);
const sysctlMax = 253;
const ipcSysctl = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/;

type Sysctls = NonNullable<PodSecurityContext['sysctls']>;

function validateSysctls(errors: FieldError[], sysctls: Sysctls, spec: PodSpec, path: string): void {
  const names = new Set<string>();
  sysctls.forEach(({ name = '' }, i) => {
    const at = `${path}[${i}].name`;
    if (name === '') errors.push(required(at));
    else if (name.length > sysctlMax || !sysctlShape.test(name)) {
      errors.push(invalid(at, name, `must have at most ${sysctlMax} characters and match regex ${sysctlFormat}`));
    } else if (names.has(name)) errors.push(duplicate(at, name));
    names.add(name);
    if (spec.hostNetwork && /^net[./]/.test(name)) {
      errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC && ipcSysctl.test(name)) {
      errors.push(invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
  });
}

function validateSeccomp(errors: FieldError[], profile: SeccompProfile | undefined, path: string): void {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  if (!type) errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!profileTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, profileTypes));
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      errors.push(invalid(at, profile, 'can only be set when seccomp type is Localhost'));
    }
  } else if (localhostProfile === undefined) {
    errors.push(required(at, 'must be set when seccomp type is Localhost'));
  } else validateDescendingPath(errors, localhostProfile, at);
}

function validateAppArmor(errors: FieldError[], profile: AppArmorProfile | undefined, path: string): void {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (!type) errors.push(required(`${path}.type`, 'type is required when appArmorProfile is set'));
  else if (!profileTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, profileTypes));
  else if (type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      errors.push(invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
    }
  } else if (!localhostProfile?.trim()) errors.push(required(at, 'must be set when AppArmor type is Localhost'));
  else {
    if (localhostProfile.trim() !== localhostProfile) {
      errors.push(invalid(at, localhostProfile, 'must not be padded with whitespace'));
    }
    if (localhostProfile.length > profilePathMax) errors.push(tooLong(at, profilePathMax));
  }
}

export function validateSecurityContext(
  errors: FieldError[],
  context: SecurityContext,
  path: string,
  scope: PodScope,
): void {
  validateId(errors, context.runAsUser, `${path}.runAsUser`);
  validateId(errors, context.runAsGroup, `${path}.runAsGroup`);
  const { procMount } = context;
  validateChoice(errors, procMount, ['Default', 'Unmasked'], `${path}.procMount`);
  if (procMount === 'Unmasked' && scope.usesHostUsers) {
    errors.push(invalid(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  validateSeccomp(errors, context.seccompProfile, `${path}.seccompProfile`);
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) {
      const detail = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
      errors.push(invalid(path, context, detail));
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
      errors.push(invalid(path, context, detail));
    }
  }
  validateAppArmor(errors, context.appArmorProfile, `${path}.appArmorProfile`);
}
