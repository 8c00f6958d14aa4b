import {
  type FailureClass,
  type FailureOutcome,
  permanent,
  throttled,
  transient,
  unavailable,
} from '@daybook/core'

/** How an error is taken, by what is to blame, and the word it is grouped by. */
export interface ErrorClass {
  readonly status: FailureClass
  readonly code: string
  /** The table may have changed under the target: worth a look before the record is blamed. */
  readonly doubtful?: boolean
}

const permanently = (code: string, doubtful = false): ErrorClass => ({
  status: 'permanent',
  code,
  doubtful,
})
const later = (code: string): ErrorClass => ({ status: 'transient', code })
const slower = (code: string): ErrorClass => ({ status: 'throttled', code })
const down = (code: string, doubtful = false): ErrorClass => ({
  status: 'unavailable',
  code,
  doubtful,
})

/** What a node answers, by the code of the protocol. Source: the native protocol's specification, section 9. */
const byServerCode: Readonly<Record<number, ErrorClass>> = {
  0: later('server_error'),
  10: later('protocol_error'),
  // A password or a right that is wrong is wrong for every record: a person is needed, and no attempt lost.
  256: down('unauthenticated'),
  8448: down('unauthorized'),
  // Not as many replicas are alive as the consistency asks for. Nothing was written.
  4096: down('unavailable'),
  4097: slower('overloaded'),
  4098: down('bootstrapping'),
  4099: later('truncate_error'),
  // Unknown: some replicas may have it, all may get it yet. Sent again with its own timestamp it changes nothing.
  4352: later('write_timeout'),
  4608: later('read_timeout'),
  4864: later('read_failure'),
  5120: permanently('function_failure'),
  5376: later('write_failure'),
  5632: later('cas_write_unknown'),
  // The node's space for change data capture is full: it takes no writes until somebody consumes these.
  5888: down('cdc_write_failure'),
  8192: permanently('syntax'),
  8704: permanently('invalid', true),
  8960: permanently('config_error'),
  9216: permanently('already_exists'),
  // The driver prepares anew by itself; where even that failed, the table is not what it was.
  9472: down('unprepared', true),
  32768: later('client_write_failure'),
}

/** What the driver says by itself, by the error's name. */
const byName: Readonly<Record<string, ErrorClass>> = {
  NoHostAvailableError: down('no_host'),
  AuthenticationError: down('unauthenticated'),
  // Nobody answered in the driver's `readTimeout`. A node that works answers within its own, shorter one.
  OperationTimedOutError: down('no_answer'),
  BusyConnectionError: slower('busy'),
  DriverInternalError: later('driver_error'),
  // Values that cannot be sent as their column's type.
  ArgumentError: permanently('unencodable', true),
  TypeError: permanently('unencodable', true),
  RangeError: permanently('unencodable', true),
  VIntOutOfRangeException: permanently('unencodable'),
  NotSupportedError: permanently('not_supported'),
}

/** What V8 says where the code is at fault, and not a value. */
const slips = /^Cannot (?:read|set)|is not (?:a function|iterable|defined)/

/** Of a host whose connections are all gone, and which is not yet known to be down: an error without a name. */
const noConnection = 'No connection available'

const connectionLost = down('connection_lost')
const unknown = later('unknown')

/** The class of an error of the driver. */
export function classOf(error: unknown): ErrorClass {
  const { name = '', message = '', code, isSocketError, innerErrors } = (error ?? {}) as DriverError
  if (isSocketError === true) return connectionLost
  if (name === 'ResponseError') return byServerCode[Number(code)] ?? unknown
  if (name === 'NoHostAvailableError') return classOfHosts(innerErrors)
  // A socket that was closed carries no code, and no flag once it has been passed on.
  if (name === 'DriverError') return connectionLost
  if (name === 'Error' && message === noConnection) return classOfHosts(undefined)
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return connectionLost
  if (name === 'TypeError' && slips.test(message)) return later('driver_error')
  return Object.hasOwn(byName, name) ? (byName[name] ?? unknown) : unknown
}

/** An error of the driver as what core is told. */
export function outcomeOf(error: unknown): FailureOutcome {
  const { status, code } = classOf(error)
  const make = { permanent, transient, throttled, unavailable }[status]
  return make(code, messageOf(error), { cause: error })
}

/** What each host said decides: all of them were tried. */
function classOfHosts(innerErrors: unknown): ErrorClass {
  const classes = Object.values((innerErrors ?? {}) as object).map(classOf)
  const telling = ['overloaded', 'busy', 'unauthenticated', 'unprepared', 'bootstrapping']
  const found = telling.flatMap((code) => classes.find((one) => one.code === code) ?? [])
  return found[0] ?? (byName['NoHostAvailableError'] as ErrorClass)
}

function messageOf(error: unknown): string {
  const { message = String(error), innerErrors } = (error ?? {}) as DriverError
  const inner = Object.entries((innerErrors ?? {}) as Readonly<Record<string, unknown>>)
  const hosts = inner.map(
    ([host, one]) => `${host}: ${(one as DriverError)?.message ?? String(one)}`,
  )
  return hosts.length === 0 ? message : `No host could be asked (${hosts.join('; ')})`
}

interface DriverError {
  readonly name?: string
  readonly message?: string
  readonly code?: unknown
  readonly isSocketError?: boolean
  readonly innerErrors?: unknown
}
