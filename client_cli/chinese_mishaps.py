"""The catalogue in Chinese, continued: what goes wrong in a transfer, on the line, on the disk, or on the command line."""

from __future__ import annotations

from typing import Final

MISHAPS: Final[dict[str, str]] = {
    # the command line
    "{} (`{}` says more)": "{:t}（`{}` 有详细说明）",
    "Missing argument '{}'.": "缺少参数 '{}'。",
    "Missing option '{}'.": "缺少选项 '{}'。",
    "There is no option {}: did you mean {} or {}?": "没有选项 {}：您是指 {} 还是 {}？",
    "There is no option {}: did you mean {}?": "没有选项 {}：您是指 {} 吗？",
    "There is no option {}.": "没有选项 {}。",
    "No such command '{}'.": "没有命令 '{}'。",
    "Option '{}' requires an argument.": "选项 '{}' 需要一个值。",
    "Got unexpected extra argument ({}).": "多余的参数（{}）。",
    "Got unexpected extra arguments ({}).": "多余的参数（{}）。",
    "Invalid value for '{}': {}": "'{}' 的值无效：{:t}",
    "Invalid value for {}: {}": "{} 的值无效：{:t}",
    "{} is not in the range x>={}.": "{} 应不小于 {}。",
    "{} is not in the range {}.": "{} 不在范围 {} 之内。",
    "{} is not a valid integer range.": "{} 不是整数。",
    "{} is not a valid integer.": "{} 不是整数。",
    "{} is not a valid float range.": "{} 不是数。",
    "{} is not one of {}.": "{} 不是 {} 之一。",
    "There is no command {}: did you mean {}?": "没有命令 {}：您是指 {} 吗？",
    "There is no command {}: `{}` lists them all.": "没有命令 {}：`{}` 可列出所有命令。",
    "The server is older than this program: it has no command {} yet.": "服务器比本程序旧：还没有命令 {}。",
    "There is no command {}; docs/protocol.md lists them all.": "没有命令 {}；docs/protocol.md 列出了所有命令。",
    "This is too long to send: with all its arguments a command has {} bytes.": "内容过长，无法发送：命令连同参数最多 {} 字节。",
    "{} is no UTF-8: {} at byte {}.": "{0} 不是 UTF-8：第 {2} 字节处为 {1}。",
    "{} is no argument: write KEY=VALUE.": "{} 不是参数：请写成 KEY=VALUE。",
    "{} is set by this program.": "{} 由本程序设置。",
    "The answer to {} is a body: use the command that is made for it.": "{} 的答复是文件内容：请用专门的命令。",
    "The menu is for people: call the commands themselves with --json, --json-lines or --quiet.": (
        "菜单供人使用：需要 --json、--json-lines 或 --quiet 时请直接调用各命令。"
    ),
    "This needs a yes, and nobody is here to ask: add {}.": "此操作需要确认，而无人可问：请加上 {}。",
    "A password for {}": "{} 的密码",
    "Password of {}": "{} 的密码",
    "Old password of {}": "{} 的旧密码",
    "New password for {}": "{} 的新密码",
    "The same again: ": "再输入一次：",
    "Throw away what the server has of upload {}, {}?": "丢弃上传 {}（{}）在服务器上的已有内容？",
    "{} uploads have an id that begins with {}: write more of it.": "有 {} 个上传的编号以 {} 开头：请多写几位。",
    "Forget all that you have searched?": "清除您的全部搜索记录？",
    "Nothing was forgotten.": "未清除任何记录。",
    "End the VIP of {} ({})?": "结束 {} 的会员资格（{:t}）？",
    "Remove the account {} for good?": "彻底移除账号 {}？",
    "Remove movie {}, {} ({}), for good?": "彻底清除影片 {}：{}（{}）？",
    "Nothing was removed.": "未移除任何内容。",
    "Nothing was ended.": "未结束任何会员资格。",
    "no VIP": "非会员",
    "VIP until {}": "会员有效期至 {}",
    "Settle purchase {} as paid, for good?": "将购买 {} 记为已付款？此操作不可撤销。",
    "Settle purchase {} as declined, for good?": "拒绝购买 {}？此操作不可撤销。",
    "Nothing was settled.": "未做任何处理。",
    "Nothing was thrown away.": "未丢弃任何内容。",
    "Withdraw notice {}, {}?": "撤回公告 {}：{}？",
    "Nothing was withdrawn.": "未撤回任何内容。",
    "Buy movie {}, {}, for {} yuan?": "购买影片 {}：{}，{} 元？",
    "Buy VIP, months: {}, for {} yuan?": "购买会员，月数：{}，{} 元？",
    "Nothing was bought.": "未购买任何内容。",
    "Delete movie {}, {} ({})?": "删除影片 {}：{}（{}）？",
    "Until {} it can be brought back: youku restore {}": "{} 之前可以恢复：youku restore {}",
    "{} ({}) at {}": "{}（{:t}），服务器 {}",
    "{} ({}, VIP until {}) at {}": "{}（{:t}，会员有效期至 {}），服务器 {}",
    "{}  (invitation {}, ends {})": "{}  （邀请 {}，到期：{:t}）",
    # accounts
    "Too many accounts were made from your address: try again in {} s.": "从您的地址注册的账号过多：请在 {} 秒后重试。",
    "The server asks for a proof of {} rounds, which is not between {} and {}: not logging in. It may not be the server that it claims to be.": (
        "服务器要求 {} 轮证明，不在 {} 与 {} 之间：未登录。它可能是假冒的服务器。"
    ),
    "{} could not prove that it knows this account ({}): it may not be the server that it claims to be.": (
        "{} 不能证明它知道此账号（{}）：它可能是假冒的服务器。"
    ),
    "This password cannot be used: {}.": "此密码不可用：{}。",
    "This name or password cannot be used: {}.": "此用户名或密码不可用：{}。",
    "You may not read {}: mend its owner and permissions.": "您无权读取 {}：请修正其所有者和权限。",
    "{} is damaged: remove it and log in again.": "{} 已损坏：请删除后重新登录。",
    "{} has bought something, which stays on record: lock the account instead.": "{} 有购买记录，须保留：请改为锁定账号。",
    "{} is an administrator: what administrators have published and decided stays theirs.": (
        "{} 是管理员：管理员发布和决定的内容须保留。"
    ),
    # movies
    "A movie is named by its id, its title or a part of it: this is empty.": "请用编号、标题或标题的一部分指定影片：这里是空的。",
    "Movie {} is not deleted: delete it first.": "影片 {} 没有被删除：请先删除。",
    "Movie {} stays on record: somebody has bought it or downloaded from it.": "影片 {} 须保留：有人购买或下载过。",
    "`length` is from 0 to {}, the size of movie {}.": "`length` 为 0 到 {}，即影片 {} 的大小。",
    "`length` is from 0 to {}, what is left after the offset.": "`length` 为 0 到 {}，即偏移之后的余量。",
    "{} is no price: write yuan, such as 20 or 9.90.": "{} 不是价格：请以元为单位，如 20 或 9.90。",
    # downloads
    "Several movies need a directory, and {} is none: make it, or name another with -o.": (
        "多部影片需要一个目录，而 {} 不是：请创建，或用 -o 指定别处。"
    ),
    "To standard output goes a single movie, in one part: leave out the others, and --parts.": (
        "标准输出只能写一部影片且不分段：请去掉其他影片和 --parts。"
    ),
    "With -o - the movie itself is on standard output: leave out --json.": "使用 -o - 时标准输出是影片本身：请去掉 --json。",
    "A movie is nothing to read on a terminal: send it to a file or a program.": "影片不能在终端中阅读：请写入文件或交给程序。",
    "What was written is not movie {}: throw it away and repeat the command.": "写入的内容不是影片 {}：请丢弃并重新运行命令。",
    "{} changed while it was read: repeat the command.": "{} 在读取时发生了变化：请重新运行命令。",
    "{} became shorter while it was read.": "{} 在读取时变短了。",
    "Movie {} is not the one it was a moment ago: repeat the command.": "影片 {} 刚刚发生了变化：请重新运行命令。",
    "{} is not the beginning of movie {} ({}): repeat with --restart to throw it away and start over.": (
        "{} 不是影片 {} 的开头（{}）：用 --restart 丢弃并重新开始。"
    ),
    "{} was begun for other bytes than those of movie {} ({}): repeat with --restart to throw it away and start over.": (
        "{} 属于别的内容，不是影片 {}（{}）：用 --restart 丢弃并重新开始。"
    ),
    "Another download writes {} right now: wait for it, or stop it.": "另一个下载正在写入 {}：请等待或停止它。",
    "{} cannot be used: {}.": "{} 不可用：{}。",
    "You may not write {}: name another place with -o.": "您无权写入 {}：请用 -o 指定别处。",
    "{} is a directory: remove it, or name another place with -o.": "{} 是目录：请删除，或用 -o 指定别处。",
    "There is no room left for {}: make some and repeat the command.": "没有空间存放 {}：请腾出空间后重新运行命令。",
    "{} has {} bytes free, the download needs {}: make room, or name another place with -o.": (
        "{} 剩余 {} 字节，下载需要 {}：请腾出空间，或用 -o 指定别处。"
    ),
    "What was downloaded is not what the server has ({}); it was removed. Repeat the command.": (
        "下载的内容与服务器上的不一致（{}）；已删除。请重新运行命令。"
    ),
    # uploads
    "There is no file to upload in these directories.": "这些目录中没有可上传的文件。",
    "Name the files to upload, or a list of them with --from.": "请指定要上传的文件，或用 --from 指定清单。",
    "--title is for a single file: give several files their titles one by one.": "--title 只用于单个文件：多个文件请逐个指定标题。",
    "Standard input is uploaded alone, and has no name: give it a --title.": "标准输入只能单独上传且没有名称：请用 --title 指定标题。",
    "--price and --vip-price are for paid movies: add --charge.": "--price 和 --vip-price 用于收费影片：请加上 --charge。",
    "Skipped {}: {}.": "已跳过 {}：{:t}。",
    "hidden": "隐藏文件",
    "empty": "空文件",
    "a link to a directory": "指向目录的链接",
    "no regular file": "不是普通文件",
    "not readable": "无法读取",
    "{} cannot be read: {}.": "无法读取 {}：{}。",
    "{} is no directory.": "{} 不是目录。",
    "There is no directory {}.": "没有目录 {}。",
    "You may not read {}: mend its permissions.": "您无权读取 {}：请修正其权限。",
    "{} is a directory: name the files in it, or add --recursive.": "{} 是目录：请指定其中的文件，或加上 --recursive。",
    "{} is no regular file and could not be resumed: copy it first, or pipe it to `youku upload -`.": (
        "{} 不是普通文件，无法断点续传：请先复制，或用管道交给 `youku upload -`。"
    ),
    "{} changed while it was being uploaded; nothing was published. Upload it again once it is complete.": (
        "{} 在上传时发生了变化；未发布。请在它完整后重新上传。"
    ),
    "The stream brought nothing: there is nothing to upload.": "输入为空：没有可上传的内容。",
    "The server has lost bytes that it had (from {} on), and a stream cannot be read again: begin again.": (
        "服务器丢失了已收到的字节（从 {} 起），而输入流不能重读：请重新开始。"
    ),
    "There is no list {}.": "没有清单 {}。",
    "{} names no file.": "{} 中没有文件。",
    "That is no list: it has more than {}.": "这不是清单：超过了 {}。",
    "{}, line {}: {}": "{}，第 {} 行：{:t}",
    "Rows that are wrong: {} (line {}); nothing was sent.": "有误的行：{}（第 {} 行）；未发送任何内容。",
    "With --from the list says it all: only --again, --jobs and --limit-rate go with it.": (
        "使用 --from 时一切由清单决定：只能同时使用 --again、--jobs 和 --limit-rate。"
    ),
    "The first line of the list names its columns, `path` among them: {}.": "清单第一行是列名，其中须有 `path`：{}。",
    "There are {} cells and {} columns: quote what has a separator in it.": "有 {} 个单元格而有 {} 列：含分隔符的内容请加引号。",
    "There is no path.": "没有路径。",
    "A title has 1 to {} characters and no control characters.": "标题为 1 到 {} 个字符，不含控制字符。",
    "A description has at most {} characters.": "简介最多 {} 个字符。",
    "`free` is yes or no, not {}.": "`free` 为 yes 或 no，而不是 {}。",
    "A VIP price of {} yuan is above the price of {} yuan: VIPs never pay more than others.": (
        "会员价 {} 元高于价格 {} 元：会员价不得高于普通价格。"
    ),
    "What is free has no price.": "免费的影片没有价格。",
    "{} stands on line {} already.": "{} 已在第 {} 行出现。",
    "Line {} of the list is no UTF-8: save it as UTF-8.": "清单第 {} 行不是 UTF-8：请存为 UTF-8。",
    "Line {} of the list is no CSV: {}.": "清单第 {} 行不是 CSV：{}。",
    "The list has a column {}, which is not one of {}.": "清单有列 {}，不是 {} 之一。",
    "The list has two columns {}.": "清单有两个列 {}。",
    "This upload has just changed in another process of the server. Repeat it in a moment.": "此上传刚在服务器的另一进程中变化。请稍后重试。",
    "This upload has just ended: start a new one.": "此上传刚刚结束：请重新开始。",
    "This upload has ended: start a new one.": "此上传已结束：请重新开始。",
    "This upload has been published already, as movie {}, with another hash.": "此上传已发布为影片 {}，其校验值不同。",
    "This upload is {}; start a new one.": "此上传的状态为 {}；请重新开始。",
    "The server's former process still has this upload. Try again in a moment.": "服务器的前一进程仍占有此上传。请稍后重试。",
    "The upload has {} bytes, and not {}.": "此上传有 {} 字节，而不是 {}。",
    "The upload has {} bytes: at most {} may follow.": "此上传有 {} 字节：最多还可发送 {}。",
    "The upload goes on at {}, not at {}.": "此上传从 {} 处继续，而不是 {}。",
    "Bytes are missing: the upload goes on at {}.": "缺少字节：此上传从 {} 处继续。",
    "`size` and `fingerprint` are both known or both null.": "`size` 与 `fingerprint` 须同时已知或同时为空。",
    "`size` is the number of bytes, at least 1: an empty file is no video.": "`size` 是字节数，至少为 1：空文件不是视频。",
    "`size` is the number of bytes, at least 1.": "`size` 是字节数，至少为 1。",
    "`size` is needed: this upload began without one.": "需要 `size`：此上传开始时没有给出。",
    "`size` is at least {}: as many bytes are here.": "`size` 至少为 {}：已收到这么多字节。",
    "`{}` is BLAKE3 as 64 lower-case hexadecimal digits.": "`{}` 是 BLAKE3，为 64 个小写十六进制数字。",
    "The upload needs {} bytes, the server has {} that are neither promised to other uploads nor kept free. Try again when there is room.": (
        "此上传需要 {} 字节，服务器可用的只有 {}（不含已许诺给其他上传的和须保留的）。请在有空间时重试。"
    ),
    "You may have {} bytes here and have {} (unfinished uploads included); this needs {} more. Delete a movie, or cancel an upload.": (
        "您的配额为 {} 字节，已用 {}（含未完成的上传）；还需要 {}。请删除影片或取消上传。"
    ),
    # rates
    "A rate is at least {}k (the server gives up on slower transfers).": "速率至少为 {}k（更慢的传输会被服务器放弃）。",
    "{} at once need at least {}k together: raise --limit-rate, or do less at once.": (
        "同时 {} 个至少共需 {}k：请提高 --limit-rate，或减少同时的个数。"
    ),
    "{} is no rate: write bytes per second, such as 500k, 2.5M or 1G.": "{} 不是速率：请写每秒字节数，如 500k、2.5M 或 1G。",
    # the server and its disk
    "The server's disk failed ({}). What is safe is kept: repeat it later.": "服务器磁盘故障（{}）。已安全保存的会保留：请稍后重试。",
    "The server's disk is full. What has arrived is kept: repeat it when there is room.": "服务器磁盘已满。已收到的会保留：请在有空间时重试。",
    "The disk of the library's database is full. Nothing was changed: try again when there is room.": (
        "数据库所在的磁盘已满。未做任何更改：请在有空间时重试。"
    ),
    "The server has too many files open. Nothing is lost: repeat it in a moment.": "服务器打开的文件过多。没有丢失任何内容：请稍后重试。",
    "The server has too many files open. Try again in a moment.": "服务器打开的文件过多。请稍后重试。",
    "The request is not as docs/protocol.md describes it: {}.": "请求不符合 docs/protocol.md 的描述：{}。",
    "`{}` has no body.": "`{}` 不带内容。",
    "`body` is the number of bytes that follow, from 0 to {}.": "`body` 是随后的字节数，从 0 到 {}。",
    "`account.proof` follows an `account.login` on the same connection.": "`account.proof` 须在同一连接上跟在 `account.login` 之后。",
    "A frame holds one JSON object in UTF-8: {}.": "一帧是一个 UTF-8 编码的 JSON 对象：{}。",
    "This connection is over: it sent a broken frame. Open a new one.": "此连接发送了损坏的帧，已结束。请重新连接。",
    "The stream ended in the middle of a frame.": "数据在一帧的中间结束了。",
    "The server waited too long for {}. Connect again.": "服务器等待过久（{}）。请重新连接。",
    # the line
    "The server answered a request that was not asked.": "服务器答复了未曾提出的请求。",
    "The server answered something that this client does not understand: {}.": "服务器的答复无法理解：{}。",
    "The server sent something that is no message: {}.": "服务器发来的不是消息：{}。",
    "The server announced a body that has no length.": "服务器宣布了没有长度的内容。",
    "The server at {} is going down ({}).": "服务器 {} 正在停止（{}）。",
    "The server hung up. It may be stopping.": "服务器断开了连接。它可能正在停止。",
    "{} answers, but not as a Youku server does. Check the address (--server, YOUKU_SERVER).": (
        "{} 有应答，但不是优酷服务器。请检查地址（--server、YOUKU_SERVER）。"
    ),
    "{} took the connection and closed it without a word: is it a Youku server?": "{} 接受连接后立即关闭：它是优酷服务器吗？",
    "The server at {} has said nothing for {} s.": "服务器 {} 已有 {} 秒没有应答。",
    "{} has not answered in {} s: is it a Youku server?": "{} 在 {} 秒内没有应答：它是 Youku 服务器吗？",
    "{} took the connection but said nothing for {} s: is it a Youku server?": (
        "{} 接受了连接但 {} 秒没有应答：它是优酷服务器吗？"
    ),
    "{} is no server address: write HOST:PORT, for example {} (--server, YOUKU_SERVER).": (
        "{} 不是服务器地址：请写成 HOST:PORT，例如 {}（--server、YOUKU_SERVER）。"
    ),
    "{} took the connection but did not finish the TLS handshake.": "{} 接受了连接但没有完成 TLS 握手。",
    "{} closed the connection during the TLS handshake.": "{} 在 TLS 握手期间关闭了连接。",
    "{} answers, but without TLS, so it cannot prove who it is. Nothing was sent to it. If it is yours, start it with --tls auto; if you know that nobody can listen on the way, say --tls off.": (
        "{} 有应答但不使用 TLS，无法证明身份。未向它发送任何内容。如果它是您的，请用 --tls auto 启动；如果确信途中无人窃听，请用 --tls off。"
    ),
    "There is no TLS (1.2 or newer) with {}: {}. Nothing was sent to it.": "无法与 {} 建立 TLS（1.2 或更新）：{}。未向它发送任何内容。",
    "This server talks to other machines through TLS only: connect with it.": "此服务器与其他机器只用 TLS 通信：请用 TLS 连接。",
    "{} is no fingerprint: it is `sha256:` and 64 hexadecimal digits, as `youku-server run` prints it.": (
        "{} 不是指纹：应为 `sha256:` 加 64 个十六进制数字，即 `youku-server run` 所显示的。"
    ),
    "{} shows the certificate {}, but {} was demanded (--fingerprint, YOUKU_FINGERPRINT). Nothing was sent to it.": (
        "{} 出示的证书是 {}，而要求的是 {}（--fingerprint、YOUKU_FINGERPRINT）。未向它发送任何内容。"
    ),
    "{} is not the server that it was: it shows the certificate {}, known is {}. Nothing was sent to it, for somebody may stand in between. If its operator says that the new certificate is right, repeat the command with --fingerprint {}, or remove the line of {} from {}.": (
        "{0} 不再是原来的服务器：它出示的证书是 {1}，已知的是 {2}。可能有人居中截听，未向它发送任何内容。如果其管理者确认新证书无误，请用 --fingerprint {3} 重新运行命令，或从 {5} 中删除 {4} 的那一行。"
    ),
    "A fingerprint is checked by TLS: leave out --fingerprint, or --tls off.": "指纹由 TLS 核对：请去掉 --fingerprint 或 --tls off。",
    "{} is damaged in line {}: mend the line, or remove it.": "{} 的第 {} 行已损坏：请修正或删除该行。",
    # settings
    "{} cannot be used to remember {}: {}.": "{} 不能用来保存 {}：{}。",
    "{} cannot be written: {}.": "无法写入 {}：{}。",
    "{}: {} is the default": "{}：{} 为默认值",
    "Using {}.": "正在使用 {}。",
    "Name a profile, or say --none.": "请指定一个配置，或使用 --none。",
    "Say which profile: youku --profile NAME config ...": "请说明哪个配置：youku --profile 名称 config ...",
    "{} is no value for {}.": "{} 不是 {} 的值。",
    "There is no profile {} yet: youku --profile {} config set server HOST:PORT": (
        "还没有配置 {}：youku --profile {} config set server HOST:PORT"
    ),
    "{} is written in a way that this command does not understand: edit it by hand.": "{} 的写法此命令无法理解：请手工编辑。",
    "There is no profile {} in {}: {}.": "{1} 中没有配置 {0}：{2:t}。",
    "there are {}": "已有 {}",
    "there is none yet": "还没有配置",
    "{} retries cannot be: 0 or more can.": "重试次数不能为 {}：须为 0 或更多。",
    "{}: a profile is a table such as [profiles.work].": "{}：配置是一个表，如 [profiles.work]。",
    "Progress {} is not one of {}.": "进度方式 {} 不是 {} 之一。",
    "A timeout of {} s cannot be: from {} to {} s it can.": "超时不能为 {} 秒：可为 {} 到 {} 秒。",
    "{} is no TOML: {}.": "{} 不是 TOML：{}。",
    "Profile {} sets {}, which is not one of {}.": "配置 {} 设置了 {}，不是 {} 之一。",
    "Profile {} sets {} to {}, which is of the wrong type.": "配置 {} 把 {} 设为 {}，类型不对。",
    "TLS {} is not one of {}.": "TLS 方式 {} 不是 {} 之一。",
    "An argument, a YOUKU_ variable or a title cannot be written as {}: correct it, or set LC_ALL to a UTF-8 locale.": (
        "参数、YOUKU_ 变量或标题无法用 {} 表示：请更正，或把 LC_ALL 设为 UTF-8。"
    ),
    "Something went wrong that nobody foresaw: {}: {}": "发生了未预料的错误：{}：{}",
    # words
    "FILE": "文件",
    "RESULT": "结果",
    "uploaded": "已上传",
    "existing": "已存在",
    "missing": "缺失",
    "failed": "失败",
    "admin": "管理员",
    "movie {}, {} (deleted)": "影片 {}，{}（已删除）",
    "paid": "已支付",
    "declined": "已拒绝",
    "locked": "已锁定",
    "new": "新",
    "this one": "当前",
}
