"""Every call of KuCoin's spot host that the proxy forwards. What is not here is refused.

Columns: method, path, permission that the user's key needs (``-``: public, sent unsigned), pool
and weight of KuCoin's quota.

Source: KuCoin's REST documentation, "Extra API Info" of each endpoint, as the official SDK 1.3.2
repeats it (a test compares them). Weight 5 of ``earn/promotion/products`` is [assumed].

Left out on purpose: withdrawals (they have routes of their own), API keys, sub-accounts, broker
and affiliate calls, OTC loans, transfers but ``universal-transfer`` INTERNAL, and the tokens of
private WebSockets, which would outlive a disconnect.
"""

SPOT_CALLS = """
GET    /api/v2/user-info                                        GENERAL            MANAGEMENT 20
GET    /api/v1/hf/accounts/opened                               GENERAL            SPOT       30
GET    /api/v1/accounts                                         GENERAL            MANAGEMENT  5
GET    /api/v1/accounts/{accountId}                             GENERAL            MANAGEMENT  5
GET    /api/v3/margin/accounts                                  GENERAL            SPOT       15
GET    /api/v3/isolated/accounts                                GENERAL            SPOT       15
GET    /api/v1/accounts/ledgers                                 GENERAL            MANAGEMENT  2
GET    /api/v1/hf/accounts/ledgers                              GENERAL            SPOT        2
GET    /api/v3/hf/margin/account/ledgers                        GENERAL            SPOT        2
POST   /api/v3/deposit-address/create                           GENERAL            MANAGEMENT 20
GET    /api/v3/deposit-addresses                                GENERAL            MANAGEMENT  5
GET    /api/v1/deposits                                         GENERAL            MANAGEMENT  5
GET    /api/v1/base-fee                                         GENERAL            SPOT        3
GET    /api/v1/trade-fees                                       GENERAL            SPOT        3
GET    /api/v1/accounts/transferable                            GENERAL            MANAGEMENT 20
POST   /api/v3/accounts/universal-transfer                      FLEXIBLE_TRANSFERS MANAGEMENT  4
GET    /api/v1/withdrawals/quotas                               GENERAL            MANAGEMENT 20
GET    /api/v1/withdrawals                                      GENERAL            MANAGEMENT 20
GET    /api/v1/withdrawals/{withdrawalId}                       GENERAL            MANAGEMENT 20
POST   /api/v1/earn/orders                                      EARN               EARN        5
GET    /api/v1/earn/redeem-preview                              EARN               EARN        5
DELETE /api/v1/earn/orders                                      EARN               EARN        5
GET    /api/v1/earn/saving/products                             GENERAL            EARN        5
GET    /api/v1/earn/promotion/products                          GENERAL            EARN        5
GET    /api/v1/earn/staking/products                            GENERAL            EARN        5
GET    /api/v1/earn/kcs-staking/products                        GENERAL            EARN        5
GET    /api/v1/earn/eth-staking/products                        GENERAL            EARN        5
GET    /api/v1/earn/hold-assets                                 GENERAL            EARN        5
GET    /api/v3/project/list                                     GENERAL            SPOT       10
GET    /api/v3/project/marketInterestRate                       -                  PUBLIC      5
POST   /api/v3/purchase                                         MARGIN             SPOT       15
POST   /api/v3/lend/purchase/update                             MARGIN             SPOT       10
GET    /api/v3/purchase/orders                                  GENERAL            SPOT       10
POST   /api/v3/redeem                                           MARGIN             SPOT       15
GET    /api/v3/redeem/orders                                    GENERAL            SPOT       10
POST   /api/v3/margin/borrow                                    MARGIN             SPOT       15
GET    /api/v3/margin/borrow                                    MARGIN             SPOT       15
POST   /api/v3/margin/repay                                     MARGIN             SPOT       10
GET    /api/v3/margin/repay                                     MARGIN             SPOT       15
GET    /api/v3/margin/interest                                  MARGIN             SPOT       20
POST   /api/v3/position/update-user-leverage                    MARGIN             SPOT        8
GET    /api/v3/margin/symbols                                   -                  PUBLIC      3
GET    /api/v3/etf/info                                         -                  PUBLIC      3
GET    /api/v1/mark-price/{symbol}/current                      -                  PUBLIC      2
GET    /api/v1/margin/config                                    -                  PUBLIC     25
GET    /api/v3/mark-price/all-symbols                           -                  PUBLIC     10
GET    /api/v1/isolated/symbols                                 -                  PUBLIC      3
POST   /api/v3/hf/margin/order                                  MARGIN             SPOT        2
POST   /api/v3/hf/margin/order/test                             MARGIN             SPOT        2
DELETE /api/v3/hf/margin/orders/{orderId}                       MARGIN             SPOT        2
DELETE /api/v3/hf/margin/orders/client-order/{clientOid}        MARGIN             SPOT        2
DELETE /api/v3/hf/margin/orders                                 MARGIN             SPOT        5
GET    /api/v3/hf/margin/order/active/symbols                   MARGIN             SPOT        4
GET    /api/v3/hf/margin/orders/active                          GENERAL            SPOT        4
GET    /api/v3/hf/margin/orders/done                            GENERAL            SPOT       10
GET    /api/v3/hf/margin/fills                                  GENERAL            SPOT        5
GET    /api/v3/hf/margin/orders/{orderId}                       GENERAL            SPOT        5
GET    /api/v3/hf/margin/orders/client-order/{clientOid}        GENERAL            SPOT        5
GET    /api/v3/margin/currencies                                GENERAL            SPOT       20
GET    /api/v3/announcements                                    -                  PUBLIC     20
GET    /api/v3/currencies/{currency}                            -                  PUBLIC      3
GET    /api/v3/currencies                                       -                  PUBLIC      3
GET    /api/v2/symbols/{symbol}                                 -                  PUBLIC      4
GET    /api/v2/symbols                                          -                  PUBLIC      4
GET    /api/v1/market/orderbook/level1                          -                  PUBLIC      2
GET    /api/v1/market/allTickers                                -                  PUBLIC     15
GET    /api/v1/market/histories                                 -                  PUBLIC      3
GET    /api/v1/market/candles                                   -                  PUBLIC      3
GET    /api/v1/market/orderbook/level2_20                       -                  PUBLIC      2
GET    /api/v1/market/orderbook/level2_100                      -                  PUBLIC      2
GET    /api/v3/market/orderbook/level2                          GENERAL            SPOT        3
GET    /api/v1/market/orderbook/callauction/level2_20           -                  PUBLIC      2
GET    /api/v1/market/orderbook/callauction/level2_100          -                  PUBLIC      2
GET    /api/v1/market/callauctionData                           -                  PUBLIC      2
GET    /api/v1/prices                                           -                  PUBLIC      3
GET    /api/v1/market/stats                                     -                  PUBLIC     15
GET    /api/v1/markets                                          -                  PUBLIC      3
GET    /api/v1/my-ip                                            -                  PUBLIC      0
GET    /api/v1/timestamp                                        -                  PUBLIC      3
GET    /api/v1/status                                           -                  PUBLIC      3
POST   /api/v1/hf/orders                                        SPOT               SPOT        1
POST   /api/v1/hf/orders/sync                                   SPOT               SPOT        1
POST   /api/v1/hf/orders/test                                   SPOT               SPOT        1
POST   /api/v1/hf/orders/multi                                  SPOT               SPOT        1
POST   /api/v1/hf/orders/multi/sync                             SPOT               SPOT        1
DELETE /api/v1/hf/orders/{orderId}                              SPOT               SPOT        1
DELETE /api/v1/hf/orders/sync/{orderId}                         SPOT               SPOT        1
DELETE /api/v1/hf/orders/client-order/{clientOid}               SPOT               SPOT        1
DELETE /api/v1/hf/orders/sync/client-order/{clientOid}          SPOT               SPOT        1
DELETE /api/v1/hf/orders/cancel/{orderId}                       SPOT               SPOT        2
DELETE /api/v1/hf/orders                                        SPOT               SPOT        2
DELETE /api/v1/hf/orders/cancelAll                              SPOT               SPOT       30
POST   /api/v1/hf/orders/alter                                  SPOT               SPOT        1
GET    /api/v1/hf/orders/{orderId}                              GENERAL            SPOT        2
GET    /api/v1/hf/orders/client-order/{clientOid}               GENERAL            SPOT        2
GET    /api/v1/hf/orders/active/symbols                         SPOT               SPOT        2
GET    /api/v1/hf/orders/active                                 GENERAL            SPOT        2
GET    /api/v1/hf/orders/active/page                            GENERAL            SPOT        2
GET    /api/v1/hf/orders/done                                   GENERAL            SPOT        2
GET    /api/v1/hf/fills                                         GENERAL            SPOT        2
GET    /api/v1/hf/orders/dead-cancel-all/query                  SPOT               SPOT        2
POST   /api/v1/hf/orders/dead-cancel-all                        SPOT               SPOT        2
POST   /api/v1/stop-order                                       SPOT               SPOT        1
DELETE /api/v1/stop-order/cancelOrderByClientOid                SPOT               SPOT        5
DELETE /api/v1/stop-order/{orderId}                             SPOT               SPOT        3
DELETE /api/v1/stop-order/cancel                                SPOT               SPOT        3
GET    /api/v1/stop-order                                       GENERAL            SPOT        8
GET    /api/v1/stop-order/{orderId}                             GENERAL            SPOT        3
GET    /api/v1/stop-order/queryOrderByClientOid                 GENERAL            SPOT        3
POST   /api/v3/oco/order                                        SPOT               SPOT        2
DELETE /api/v3/oco/order/{orderId}                              SPOT               SPOT        3
DELETE /api/v3/oco/client-order/{clientOid}                     SPOT               SPOT        3
DELETE /api/v3/oco/orders                                       SPOT               SPOT        3
GET    /api/v3/oco/order/{orderId}                              GENERAL            SPOT        2
GET    /api/v3/oco/client-order/{clientOid}                     GENERAL            SPOT        2
GET    /api/v3/oco/order/details/{orderId}                      GENERAL            SPOT        2
GET    /api/v3/oco/orders                                       GENERAL            SPOT        2
POST   /api/v1/orders                                           SPOT               SPOT        2
POST   /api/v1/orders/test                                      SPOT               SPOT        2
POST   /api/v1/orders/multi                                     SPOT               SPOT        3
DELETE /api/v1/orders/{orderId}                                 SPOT               SPOT        3
DELETE /api/v1/order/client-order/{clientOid}                   SPOT               SPOT        3
DELETE /api/v1/orders                                           SPOT               SPOT       20
GET    /api/v1/orders                                           GENERAL            SPOT        2
GET    /api/v1/limit/orders                                     GENERAL            SPOT        3
GET    /api/v1/orders/{orderId}                                 GENERAL            SPOT        2
GET    /api/v1/order/client-order/{clientOid}                   GENERAL            SPOT        3
GET    /api/v1/fills                                            GENERAL            SPOT       10
GET    /api/v1/limit/fills                                      GENERAL            SPOT       20
"""
