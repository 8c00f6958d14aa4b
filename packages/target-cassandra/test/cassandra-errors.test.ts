import driver from 'cassandra-driver'
import { describe, expect, it } from 'vitest'
import { outcomeOf } from '../src/cassandra-errors.ts'

const { errors, types } = driver
const codes = types.responseErrorCodes as unknown as Readonly<Record<string, number>>

/** Every code that the driver knows, and how it is taken. */
const server: Readonly<Record<string, string>> = {
  serverError: 'transient server_error',
  protocolError: 'transient protocol_error',
  badCredentials: 'unavailable unauthenticated',
  unavailableException: 'unavailable unavailable',
  overloaded: 'throttled overloaded',
  isBootstrapping: 'unavailable bootstrapping',
  truncateError: 'transient truncate_error',
  writeTimeout: 'transient write_timeout',
  readTimeout: 'transient read_timeout',
  readFailure: 'transient read_failure',
  functionFailure: 'permanent function_failure',
  writeFailure: 'transient write_failure',
  syntaxError: 'permanent syntax',
  unauthorized: 'unavailable unauthorized',
  invalid: 'permanent invalid',
  configError: 'permanent config_error',
  alreadyExists: 'permanent already_exists',
  unprepared: 'unavailable unprepared',
  clientWriteFailure: 'transient client_write_failure',
}

const overloaded = new errors.ResponseError(0x1001, 'busy')
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const closed = Object.assign(
  new (errors.DriverError as unknown as new (text: string) => Error)('Socket was closed'),
  { isSocketError: true },
)

describe('an error of the driver', () => {
  it('has a class for every code that the driver knows, and for no other', () => {
    expect(Object.keys(server).sort()).toEqual(Object.keys(codes).sort())
  })

  it.each(Object.entries(server))('of a node, %s, is %s', (name, expected) => {
    const error = new errors.ResponseError(codes[name] ?? -1, 'why')
    const { status, code, message, cause } = outcomeOf(error)
    expect(`${status} ${code}`).toBe(expected)
    expect({ message, cause }).toEqual({ message: 'why', cause: error })
  })

  it.each([
    ['a code that is not known', new errors.ResponseError(0x7777, 'new'), 'transient unknown'],
    ['CAS_WRITE_UNKNOWN', new errors.ResponseError(0x1600, ''), 'transient cas_write_unknown'],
    ['CDC_WRITE_FAILURE', new errors.ResponseError(0x1700, ''), 'unavailable cdc_write_failure'],
    ['no host', new errors.NoHostAvailableError({}), 'unavailable no_host'],
    [
      'a client shut down',
      new errors.NoHostAvailableError(null, 'shutdown'),
      'unavailable no_host',
    ],
    ['hosts that refuse', new errors.NoHostAvailableError({ a: refused }), 'unavailable no_host'],
    [
      'one host overloaded',
      new errors.NoHostAvailableError({ a: refused, b: overloaded }),
      'throttled overloaded',
    ],
    [
      'hosts with too much under way',
      new errors.NoHostAvailableError({ a: new errors.BusyConnectionError('a', 9, 1) }),
      'throttled busy',
    ],
    [
      'a wrong password',
      new errors.NoHostAvailableError({ a: new errors.AuthenticationError('no') }),
      'unavailable unauthenticated',
    ],
    [
      'a statement that cannot be prepared anew',
      new errors.NoHostAvailableError({ a: new errors.ResponseError(0x2500, 'what?') }),
      'unavailable unprepared',
    ],
    ['a busy connection', new errors.BusyConnectionError('a', 9, 1), 'throttled busy'],
    ['no answer', new errors.OperationTimedOutError('late', 'a'), 'unavailable no_answer'],
    ['a closed socket', closed, 'unavailable connection_lost'],
    ['a refused connection', refused, 'unavailable connection_lost'],
    ['a bug of the driver', new errors.DriverInternalError('bug'), 'transient driver_error'],
    [
      'a slip in code',
      new TypeError("Cannot read properties of null (reading 'x')"),
      'transient driver_error',
    ],
    [
      'a value of another type',
      new TypeError('Expected Number, obtained'),
      'permanent unencodable',
    ],
    ['a number out of range', new RangeError('out of range'), 'permanent unencodable'],
    ['a wrong argument', new errors.ArgumentError('no'), 'permanent unencodable'],
    ['what the driver cannot do', new errors.NotSupportedError('no'), 'permanent not_supported'],
    // As its pool of connections throws it, between losing the last and finding the host down.
    ['no connection', new Error('No connection available'), 'unavailable no_host'],
    ['anything else', new Error('what?'), 'transient unknown'],
    ['no error at all', undefined, 'transient unknown'],
  ])('for %s is classified', (_, error, expected) => {
    const { status, code } = outcomeOf(error)
    expect(`${status} ${code}`).toBe(expected)
  })

  it('says what each host said', () => {
    const { message } = outcomeOf(new errors.NoHostAvailableError({ '10.0.0.1:9042': refused }))
    expect(message).toBe('No host could be asked (10.0.0.1:9042: connect ECONNREFUSED)')
  })
})
