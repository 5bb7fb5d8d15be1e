/** Account settings: for everybody, or for one principal. They are kept and answered; the platform follows none of them yet. */
import { createHash } from 'node:crypto';
import { isStatus } from '@slipway/api/status-error';
import type { AccountSettingObject } from '../kinds.ts';
import type {
  DeleteAccountSettingRequest,
  ListAccountSettingsRequest,
  PutAccountSettingDefaultRequest,
  PutAccountSettingRequest,
} from '../model/generated/types.ts';
import { invalidParameter } from '../wire/ecs-error.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';

type Values = { readonly values: readonly string[]; readonly default: string };
const onOff: Values = { values: ['enabled', 'disabled', 'on', 'off'], default: 'disabled' };
const always: Values = { values: ['enabled'], default: 'enabled' };

/** ARNs here are of the long format always. */
const settings: Readonly<Record<string, Values>> = {
  awsvpcTrunking: onOff,
  containerInsights: { values: ['enabled', 'disabled', 'enhanced'], default: 'disabled' },
  containerInstanceLongArnFormat: always,
  defaultLogDriverMode: { values: ['blocking', 'non-blocking'], default: 'non-blocking' },
  fargateEventWindows: onOff,
  fargateFIPSMode: onOff,
  fargateTaskRetirementWaitPeriod: { values: ['0', '7', '14'], default: '7' },
  guardDutyActivate: onOff,
  serviceLongArnFormat: always,
  tagResourceAuthorization: { values: ['on', 'off'], default: 'off' },
  taskLongArnFormat: always,
};

export async function putAccountSetting(request: PutAccountSettingRequest, context: OperationContext) {
  const principal = principalOf(request.principalArn, context);
  return { setting: await put(request.name, request.value, principal, context) };
}

export async function putAccountSettingDefault(
  { name, value }: PutAccountSettingDefaultRequest,
  context: OperationContext,
) {
  return { setting: await put(name, value, undefined, context) };
}

async function put(name: string, value: string, principal: string | undefined, context: OperationContext) {
  const { values = [] } = settings[name] ?? {};
  if (!values.includes(value)) {
    throw invalidParameter(
      `The value '${value}' is not valid for the setting ${name}: use one of [${values.join(', ')}].`,
    );
  }
  const { objects } = context;
  const place = { name: nameFor(name, principal) };
  const spec = { name, value, ...(principal === undefined ? {} : { principal }) };
  const patched = () => objects.patch<AccountSettingObject>('AccountSetting', place, { spec });
  const written = objects.resolve('AccountSetting', place)
    ? await patched()
    : await objects.create<AccountSettingObject>('AccountSetting', { metadata: place, spec }).catch((error) => {
        // Put by somebody else at the same time: the last word holds.
        if (isStatus(error, 'AlreadyExists')) return patched();
        throw error;
      });
  return shown(written.spec.name, written.spec.value, principal, context);
}

export async function deleteAccountSetting(request: DeleteAccountSettingRequest, context: OperationContext) {
  const principal = principalOf(request.principalArn, context);
  const place = { name: nameFor(request.name, principal) };
  const { objects } = context;
  if (objects.resolve('AccountSetting', place)) await objects.remove('AccountSetting', place);
  return { setting: shown(request.name, effective(request.name, undefined, context), principal, context) };
}

export function listAccountSettings(request: ListAccountSettingsRequest, context: OperationContext) {
  const principal = principalOf(request.principalArn, context);
  const own = new Map<string, string>();
  for (const { spec } of context.objects.list<AccountSettingObject>('AccountSetting')) {
    if (spec.principal === principal) own.set(spec.name, spec.value);
  }
  const names = request.effectiveSettings ? Object.keys(settings) : [...own.keys()];
  const found = new Map(
    names
      .filter((name) => request.name === undefined || request.name === name)
      .map((name) => [name, own.get(name) ?? effective(name, principal, context)]),
  );
  const matching = [...found].filter(([, value]) => request.value === undefined || request.value === value);
  const { items, nextToken } = pageOf(matching.map(([name]) => name).sort(), request);
  return {
    settings: items.map((name) => shown(name, found.get(name) ?? '', principal, context)),
    ...(nextToken === undefined ? {} : { nextToken }),
  };
}

/** The principal's own, else everybody's, else ECS' default. */
function effective(name: string, principal: string | undefined, { objects }: OperationContext): string {
  const read = (whose: string | undefined) =>
    objects.resolve<AccountSettingObject>('AccountSetting', { name: nameFor(name, whose) })?.spec.value;
  return (principal === undefined ? undefined : read(principal)) ?? read(undefined) ?? settings[name]?.default ?? '';
}

/** A principal is a user of the platform; without one it is the caller. The root of the account is everybody. */
function principalOf(arn: string | undefined, { caller }: OperationContext): string | undefined {
  if (arn === undefined) return caller.user.name;
  if (arn.endsWith(':root')) return undefined;
  const [, name] = /^arn:[a-z-]+:iam::\d*:(?:user|role)\/(.+)$/.exec(arn) ?? [];
  if (name === undefined) throw invalidParameter(`Invalid principalArn: ${arn.slice(0, 200)}`);
  return name;
}

function nameFor(setting: string, principal: string | undefined): string {
  const name = setting.toLowerCase();
  if (principal === undefined) return name;
  return `${name}.${createHash('sha256').update(principal).digest('hex').slice(0, 16)}`;
}

function shown(name: string, value: string, principal: string | undefined, { arns }: OperationContext): object {
  const principalArn = principal === undefined ? `arn:aws:iam::${arns.account}:root` : arns.user(principal);
  return { name, value, principalArn, type: 'user' };
}
