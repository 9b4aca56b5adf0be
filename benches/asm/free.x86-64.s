# free: 22 instructions, budget 22
# rustc 1.95.0
 0  mov rax,rdi
 1  shr rax,0x20
 2  cmp rax,0x7fff
 3  ja <off the path>
 4  lea rcx,[rip+<..>]
 5  mov rax,QWORD PTR [rcx+rax*8+0x402b8]
 6  add rax,rcx
 7  mov ecx,edi
 8  shr ecx,0x10
 9  mov eax,DWORD PTR [rax+rcx*4+0x802b8]
10  mov rcx,QWORD PTR [rip+<..>]
11  mov rcx,QWORD PTR fs:[rcx]
12  xor rax,QWORD PTR [rcx+0xf00]
13  cmp rax,0x500
14  jae <off the path>
15  mov rdx,QWORD PTR [rcx+rax*1]
16  cmp rdx,QWORD PTR [rcx+rax*1+0x8]
17  je <off the path>
18  mov QWORD PTR [rdx],rdi
19  add rdx,0x8
20  mov QWORD PTR [rcx+rax*1],rdx
21  ret
