"""The catalogue in Chinese, continued: load tests, and what can be wrong with what somebody wants tested."""

from __future__ import annotations

from typing import Final

SETTINGS: Final = (
    "scenario", "weights", "clients", "duration", "requests", "rate", "ramp", "think", "size", "kill-rate", "users",
    "movies", "seed",
)  # fmt: skip
"""Whose names stand before what is wrong with them."""

LOAD_TESTS: Final[dict[str, str]] = {
    # what is being done, and what came of it
    "Making {} users...": "正在创建 {} 个用户……",
    "Making {} movies...": "正在创建 {} 部影片……",
    "Connecting {} clients...": "正在连接 {} 个客户端……",
    "Removing what the test has made...": "正在清除测试创建的内容……",
    "Removed {} users, {} movies and {} unfinished uploads.": "已清除 {} 个用户、{} 部影片和 {} 个未完成的上传。",
    "The report is in {}.": "报告已写入 {}。",
    "Careful: the tester itself was a bottleneck: {}. The server may be better than these figures.": (
        "注意：测试程序自身成为瓶颈：{}。服务器可能优于这些数据。"
    ),
    "it used {} of a core, and {} or more in {} of {} windows": "占单核 {0}，且 {3} 个时段中有 {2} 个达到 {1} 以上",
    "its loop was {} late at the median, where an answer took {}": "事件循环延迟中位数为 {}，而应答耗时 {}",
    "1 % of the visits began {} or more too late though a client was free": "虽有空闲客户端，仍有 1 % 的访问晚开始 {} 以上",
    "The test has failed: {}.": "测试未通过：{:t}。",
    "{} (there was none)": "{}（没有发生）",
    "Some of what the test has made is left: run `youku loadtest --clean-up` later.": (
        "测试创建的内容有残留：请稍后运行 `youku loadtest --clean-up`。"
    ),
    "Stopped; the figures are those until then.": "已停止；以上为停止前的数据。",
    "Not everything could be removed: {}": "未能全部清除：{:t}",
    "Took": "用时",
    "Bytes": "字节",
    "Errors": "错误",
    "Transfers": "传输",
    "Visits due": "到期访问",
    "Tester": "测试程序",
    "Server": "服务器",
    "{} s, {} clients, each when it is ready": "{} 秒，{} 个客户端，各自就绪即访问",
    "{} s, {} clients, {} visits due a second": "{} 秒，{} 个客户端，每秒 {} 次访问",
    "{} sent, {} received, {}/s": "发送 {}，接收 {}，每秒 {}",
    "{} with the right hash, {} cut and resumed": "{} 次哈希正确，{} 次中断并续传",
    "{}, of which {} found no client free": "{}，其中 {} 次没有空闲客户端",
    "{}; its loop was {} late at the 99th percentile": "{:t}；事件循环第 99 百分位延迟 {}",
    "{} of a core, {} a request": "占单核 {}，每个请求 {}",
    "{} of a core": "占单核 {}",
    "1 error": "1 个错误",
    "{} errors": "{} 个错误",
    "(all)": "（合计）",
    "visit: {}": "访问：{}",
    # whether it may begin
    "{} cannot be written: there is no such directory.": "无法写入 {}：目录不存在。",
    "{} cannot be written: it is a directory.": "无法写入 {}：它是目录。",
    "{} cannot be written: {}.": "无法写入 {}：{}。",
    "A load test makes users and movies: log in as an administrator; you are {}.": (
        "负载测试需要创建用户和影片：请以管理员身份登录；您是 {}。"
    ),
    "{} is not this machine, and a load test can bring a server down. If it is yours, say so: --allow-host {}": (
        "{0} 不是本机，负载测试可能使服务器瘫痪。如果它属于您，请注明：--allow-host {1}"
    ),
    "{} clients need {} descriptors, and this process may have {}: take fewer clients, or raise the limit (ulimit -Hn).": (
        "{0} 个客户端需要 {1} 个描述符，而本进程最多 {2} 个：请减少客户端，或提高限制（ulimit -Hn）。"
    ),
    "The connection was lost: {}.": "连接中断：{}。",
    "No connection: {}.": "无法连接：{}。",
    "The server closed the connection.": "服务器关闭了连接。",
    "The server has said nothing for {} s.": "服务器已有 {} 秒没有应答。",
    "The server shows the certificate {}, and {} before.": "服务器出示的证书是 {}，此前为 {}。",
    "The bytes that arrived are not the ones that were sent.": "收到的字节与发送的不同。",
    "The server does not know the user that it has just made.": "服务器不认识它刚刚创建的用户。",
    "The server could not prove that it knows the account.": "服务器无法证明它认识该账号。",
    # the settings, by an option or in a file
    **{f"{name}: {{}}": f"{name}：{{:t}}" for name in SETTINGS},
    "{} is not a whole number from {} to {}.": "{} 不是 {} 到 {} 之间的整数。",
    "{} is no {}: write one {}.": "{} 不是{:t}：请写成{:t}。",
    "duration": "时长",
    "such as 250ms, 5s or 2m": " 250ms、5s 或 2m 这样",
    "size": "大小",
    "such as 1000B, 64KiB or 8MiB": " 1000B、64KiB 或 8MiB 这样",
    "rate": "速率",
    "such as 100 or 2.5k, a second": "每秒次数，如 100 或 2.5k",
    "share": "比例",
    "such as 0.05 or 5%": " 0.05 或 5% 这样",
    "sigma": "标准差",
    "such as 1.2": " 1.2 这样",
    "{} is too long: a day is the most.": "{} 太长：最长一天。",
    "{} is too large: 64 GiB is the most.": "{} 太大：最大 64 GiB。",
    "A test takes some time: write one such as 10s.": "测试需要一段时间：请写成 10s 这样。",
    "A rate is more than 0: write one such as 100.": "速率须大于 0：请写成 100 这样。",
    "{} is more than all of them: 1 or 100% is the most.": "{} 超过全部：最大为 1 或 100%。",
    "{} is less than one a day.": "{} 少于每天一次。",
    "{} is more than one process can begin: {} a second are the most.": "{} 超出单个进程的能力：每秒最多 {} 次。",
    "{} is no distribution: write one value, uniform:LEAST,MOST, exponential:MEAN or lognormal:MEDIAN,SIGMA.": (
        "{} 不是分布：请写一个值，或 uniform:最小,最大、exponential:平均、lognormal:中位数,标准差。"
    ),
    "The ramp is longer than the test.": "加压时间长于测试时间。",
    "{} has two weights: leave out one of them.": "{} 有两个权重：请去掉一个。",
    "The weight of {} is a number, as in browse=6,download=1.": "{} 的权重须为数字，如 browse=6,download=1。",
    "Weights are not negative, and one of them is more than 0.": "权重不能为负，且至少有一个大于 0。",
    "Weights are for the scenario {}: leave out one of the two.": "权重只用于场景 {}：两者请去掉一个。",
    "There is no scenario {}. There are {}.": "没有场景 {}。有 {}。",
    # a file of one's own
    "A test has no {}. It has {} and tables [scenarios.NAME].": "测试没有 {}。有 {} 以及表 [scenarios.名称]。",
    "{} is a table: write [{}.NAME] above its steps.": "{} 是表：请在步骤前写 [{}.名称]。",
    "The scenario {} is there already: give yours another name.": "场景 {} 已经存在：请换一个名称。",
    "The scenario {} has `steps`, a list of at least one, and nothing else.": "场景 {} 只有 `steps`：至少一个步骤的列表。",
    "The scenario {} asks nothing: it has pauses alone.": "场景 {} 不发出任何请求：只有停顿。",
    "Step {} of the scenario {}": "场景 {1} 的第 {0} 步",
    "{} is a table with `ask`, `pause` or `run`, one of them.": "{:t}是表，含 `ask`、`pause` 或 `run` 之一。",
    "{}: `ask` names a command of the protocol, with its arguments beside it.": "{:t}：`ask` 是协议的命令，旁边是它的参数。",
    "{}: `run` names one of {}.": "{:t}：`run` 须为 {} 之一。",
    "`run` names one of {}.": "`run` 须为 {} 之一。",
    "{}: there is no {} beside `{}`.": "{0:t}：`{2}` 旁边不能有 {1}。",
    "{}: there is no {}; there are {}.": "{:t}：没有 {}；有 {}。",
    "{}: this is too long to send: with all its arguments a command has {} bytes.": (
        "{:t}：内容过长，无法发送：命令连同参数最多 {} 字节。"
    ),
    "Step {} of the scenario {}: {}": "场景 {1} 的第 {0} 步：{2:t}",
    # thresholds
    "--fail-if {}: {}": "--fail-if {}：{:t}",
    "Write METRIC OPERATOR VALUE, such as 'p99>50ms', 'errors>0' or 'rate<1000/s'.": (
        "请写成“指标 运算符 值”，如 'p99>50ms'、'errors>0' 或 'rate<1000/s'。"
    ),
    "There is no metric {}; there are p50, p99, p99.9 and so on, mean, max, errors, rate, throughput.": (
        "没有指标 {}；有 p50、p99、p99.9 等，以及 mean、max、errors、rate、throughput。"
    ),
    "Bytes are counted for all operations together: leave the brackets out.": "字节按所有操作合计：请去掉括号。",
    "A percentile is from p0 to p100.": "百分位为 p0 到 p100。",
    "{} is no number of errors: write one such as 0, or a share such as 1%.": (
        "{} 不是错误次数：请写成 0 这样的次数，或 1% 这样的比例。"
    ),
}
