/** What a customer asks for. */
export interface Order {
  /** A UUID. It is the transaction's id too, so that an order that is asked for again is placed once. */
  readonly id: string
  readonly number: number
  readonly customer: string
  readonly article: string
  /** The customer has second thoughts while the order is being placed. */
  readonly isDropped: boolean
}

/** What the shop writes: an order, an entry of the index, or a movement of stock. */
export interface Row {
  readonly customer?: string
  readonly article?: string
  readonly order?: number
  readonly taken?: number
}

/** The rows of an order by their keys, in the order in which they are written. */
export function rowsOf({ number, customer, article }: Order): readonly KeyedRow[] {
  return [
    { store: 'database', key: `order ${number}`, row: { customer, article } },
    { store: 'index', key: `${customer} ${number}`, row: { customer, order: number } },
    { store: 'database', key: `stock ${article} ${number}`, row: { article, taken: 1 } },
  ]
}

export interface KeyedRow {
  readonly store: 'database' | 'index'
  readonly key: string
  readonly row: Row
}
