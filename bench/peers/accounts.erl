%% Evaluated in the node after ejabberd has started: one account by its own means, and copies of its row for all others, because
%% deriving keys for each takes minutes and nothing that is measured looks at another account's salt.
Count = list_to_integer(os:getenv("BENCH_ACCOUNTS")).
Password = list_to_binary(os:getenv("BENCH_PASSWORD")).
Host = <<"localhost">>.
ok = ejabberd_auth:try_register(<<"bench0">>, Host, Password).
[Row] = mnesia:dirty_read(passwd, {<<"bench0">>, Host}).
Name = fun(Index) -> list_to_binary("bench" ++ integer_to_list(Index)) end.
{atomic, ok} = mnesia:transaction(fun() -> lists:foreach(fun(Index) -> mnesia:write(setelement(2, Row, {Name(Index), Host})) end, lists:seq(1, Count - 1)) end).
true = ejabberd_auth:user_exists(Name(Count - 1), Host).
io:format("benchmark accounts ready~n").
